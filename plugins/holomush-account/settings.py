"""What a player can choose: the names that each preference goes by, and its values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Setting:
    """One preference. ``words`` are its values, the default first; a range of numbers may come on top of them."""

    key: str
    title: str
    names: tuple[str, ...]
    words: tuple[str, ...]
    numbers: range = range(0)

    @property
    def default(self) -> str:
        return self.words[0]

    @property
    def choices(self) -> str:
        """All values in words."""
        if not self.numbers:
            return spoken(self.words, "or")
        return spoken([*self.words, f"a number from {self.numbers[0]} to {self.numbers[-1]}"], "or")

    def read(self, typed: str) -> str | int | None:
        """The value that was typed; None if it cannot have that one."""
        word = typed.strip().casefold()
        if word in ("auto", "default"):
            return self.default
        for known in self.words:
            if squeezed(word) == squeezed(known):
                return known
        # Seven digits cannot be right, and thousands of them could not even be read.
        if word.isdecimal() and len(word) < 7 and int(word) in self.numbers:
            return int(word)
        return None


SETTINGS = (
    Setting("colour", "Colour", ("colour", "colours", "color", "colors"), ("auto", "none", "16", "256", "true")),
    Setting("width", "Width", ("width", "columns"), ("auto",), range(20, 251)),
    Setting("screen_reader", "Screen reader", ("screenreader", "reader", "sr"), ("auto", "on", "off")),
    Setting("page_length", "Page length", ("pagelength", "page", "pages"), ("off",), range(5, 201)),
    Setting("charset", "Character set", ("charset", "characterset", "encoding"), ("auto", "utf-8", "latin-1", "ascii")),
    Setting("prompt", "Prompt", ("prompt", "prompts"), ("off", "on")),
    Setting("keepalive", "Keepalive", ("keepalive", "keepalives"), ("on", "off")),
)


def named(name: str) -> Setting | None:
    """The preference of that name, however it is spaced."""
    return next((setting for setting in SETTINGS if squeezed(name) in setting.names), None)


def squeezed(text: str) -> str:
    """In small letters, without what some write between two words and others do not."""
    return text.casefold().replace("_", "").replace("-", "").replace(" ", "")


def taken_apart(change: str) -> tuple[str, str]:
    """The name and the value, "" for none, in ``width=60``, ``screen reader on`` or ``width``."""
    if "=" in change:
        name, _, value = change.partition("=")
        return name.strip(), value.strip()
    name, _, value = change.strip().rpartition(" ")
    if named(change) is not None or not name:
        return change.strip(), ""
    return name.strip(), value


def spoken(words, last: str) -> str:
    """``a, b or c``"""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]
