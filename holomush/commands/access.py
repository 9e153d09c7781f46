"""What a command asks of the character that types it: the ladder of access and its names. Auth gives the roles out."""

from enum import IntEnum

from holomush.errors import HolomushError


class AccessError(HolomushError):
    """A name that is not on the ladder."""


class Access(IntEnum):
    """Ordered: each may do all that the ones below it may."""

    GUEST = 0
    PLAYER = 1
    BUILDER = 2
    ADMIN = 3

    @classmethod
    def parse(cls, text: str) -> "Access":
        """``"player"`` → ``Access.PLAYER``, in any case. Raises AccessError, which names what would be right."""
        try:
            return cls[text.strip().upper()]
        except KeyError:
            names = ", ".join(access.name.lower() for access in cls)
            raise AccessError(f'access "{text}" is unknown; use one of {names}') from None
