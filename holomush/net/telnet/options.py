"""Telnet's commands and options by number, what is agreed to, and where each option stands (RFC 854, 855, 1143).

Owns negotiation with WILL, WONT, DO and DONT and the bound on its answers. Knows nothing of what an option is for.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

import attrs

# Commands (RFC 854, RFC 885). Those without a name here are swallowed.
END_OF_RECORD, SE, NOP, BREAK, INTERRUPT = 239, 240, 241, 243, 244
AYT, ERASE_CHARACTER, ERASE_LINE, GO_AHEAD = 246, 247, 248, 249
SB, WILL, WONT, DO, DONT, IAC = 250, 251, 252, 253, 254, 255
FIRST_COMMAND: Final = 236
"""The lowest byte that is a command after an IAC (end of file, RFC 1184)."""

# Options. Whatever has no name here is refused.
ECHO, SGA, TIMING_MARK, TTYPE, EOR, NAWS, NEW_ENVIRON, CHARSET = 1, 3, 6, 24, 25, 31, 39, 42
MSSP, COMPRESS2, GMCP = 70, 86, 201


class _State(Enum):
    """Where one side of one option stands (RFC 1143, section 7)."""

    NO = "no"
    YES = "yes"
    WANT_NO = "want no"
    WANT_YES = "want yes"


# (state, does the peer say yes) -> (next state, our answer: True agrees, False ends, None is silence).
# The one request missing here, a yes in state NO, is the only one we may refuse: see ``Options._turn``.
_TABLE: Final[Mapping[tuple[_State, bool], tuple[_State, bool | None]]] = MappingProxyType(
    {
        (_State.NO, False): (_State.NO, None),
        (_State.YES, True): (_State.YES, None),
        (_State.YES, False): (_State.NO, False),
        (_State.WANT_NO, True): (_State.NO, None),  # an answer that RFC 1143 calls an error; our no stands
        (_State.WANT_NO, False): (_State.NO, None),
        (_State.WANT_YES, True): (_State.YES, None),
        (_State.WANT_YES, False): (_State.NO, None),
    }
)


@attrs.frozen
class Policy:
    """What a client may ask of one side of one option, and how often it is answered. Offers of ours do not count."""

    agrees: bool
    answers: int


_REFUSE_ONCE: Final = Policy(agrees=False, answers=1)

Policies = Mapping[tuple[bool, int], Policy]
"""Keys: (is it our side, option). Whatever has no key is refused once."""

POLICIES: Final[Policies] = MappingProxyType(
    {
        (True, SGA): Policy(agrees=True, answers=8),
        (False, SGA): Policy(agrees=True, answers=8),
        (False, NAWS): Policy(agrees=True, answers=8),
        (False, TTYPE): Policy(agrees=True, answers=8),
        (False, NEW_ENVIRON): Policy(agrees=True, answers=4),
        (True, CHARSET): Policy(agrees=True, answers=4),
        (False, CHARSET): Policy(agrees=True, answers=4),
        (True, EOR): Policy(agrees=True, answers=4),
        (True, MSSP): Policy(agrees=True, answers=1),  # with our offer that is two
        (True, GMCP): Policy(agrees=True, answers=4),
        (False, GMCP): Policy(agrees=True, answers=4),  # the wrong way round, which some clients offer
        # BSD's and Linux's telnet throw output away after Ctrl-C until *each* DO TIMING-MARK is answered (RFC 860).
        (True, TIMING_MARK): Policy(agrees=False, answers=64),
    }
)
# Each start costs a new zlib stream, so after the one that we offer there are two more.
POLICIES_WITH_COMPRESSION: Final[Policies] = MappingProxyType({**POLICIES, (True, COMPRESS2): Policy(agrees=True, answers=2)})


@attrs.define
class _Side:
    """One side (ours or theirs) of one option."""

    answers_left: int
    state: _State = _State.NO
    # Answers still owed to requests of ours that we took back before they were answered. RFC 1143 would hold the new
    # request back instead; we cannot, because a client that hides input at WILL ECHO but never answers would then hide
    # it for ever.
    stale: int = 0


class Options:
    """Both sides of all options. Writes what it has to say behind ``out``; keeps a few integers per option."""

    __slots__ = ("_out", "_policies", "_sides")

    def __init__(self, out: bytearray, policies: Policies = POLICIES) -> None:
        self._out = out
        self._policies = policies
        self._sides: dict[tuple[bool, int], _Side] = {}

    def is_on(self, option: int, *, ours: bool) -> bool:
        """Whether both have agreed that we (or they) do it."""
        side = self._sides.get((ours, option))
        return side is not None and side.state is _State.YES

    def is_agreed(self, option: int) -> bool:
        """Whether both have agreed that one of us does it. Of most options there is but one side that we agree to."""
        return self.is_on(option, ours=True) or self.is_on(option, ours=False)

    def request(self, option: int, *, ours: bool, enable: bool) -> None:
        """Ask for a change of our own accord, unless it is so already or asked for."""
        side = self._side(option, ours=ours)
        if (side.state in (_State.YES, _State.WANT_YES)) == enable:
            return
        if side.state in (_State.WANT_YES, _State.WANT_NO):
            side.stale += 1
        side.state = _State.WANT_YES if enable else _State.WANT_NO
        self._send(option, ours=ours, yes=enable)

    def received(self, option: int, *, ours: bool, yes: bool) -> bool | None:
        """Take the client's DO, DONT (about our side), WILL or WONT (about its own).

        Returns what that turned the option to, on (True) or off (False); None if it is as it was.
        """
        side = self._side(option, ours=ours)
        was_on = side.state is _State.YES
        self._turn(side, option, ours=ours, yes=yes)
        is_on = side.state is _State.YES
        return None if is_on == was_on else is_on

    def _turn(self, side: _Side, option: int, *, ours: bool, yes: bool) -> None:
        if side.stale:
            side.stale -= 1
            if side.stale == 0 and side.state is _State.WANT_NO and not yes:
                side.state = _State.NO  # it refused what we then took back, and owes the taking back no answer
        elif side.state is _State.NO and yes:
            if side.answers_left:
                side.answers_left -= 1
                agrees = self._policies.get((ours, option), _REFUSE_ONCE).agrees
                side.state = _State.YES if agrees else _State.NO
                self._send(option, ours=ours, yes=agrees)
        else:
            side.state, answer = _TABLE[side.state, yes]
            if answer is not None:
                self._send(option, ours=ours, yes=answer)

    def _side(self, option: int, *, ours: bool) -> _Side:
        key = (ours, option)
        side = self._sides.get(key)
        if side is None:
            side = self._sides[key] = _Side(self._policies.get(key, _REFUSE_ONCE).answers)
        return side

    def _send(self, option: int, *, ours: bool, yes: bool) -> None:
        verb = (WILL if yes else WONT) if ours else (DO if yes else DONT)
        self._out += bytes((IAC, verb, option))
