"""One command as a plugin's manifest declares it. Owns the value and its limits; how lines find it is the router's."""

import attrs

from holomush.commands.access import Access
from holomush.commands.pattern import Pattern
from holomush.errors import HolomushError


class CommandSpecError(HolomushError):
    """A command that no line could reach as declared. ``str()`` begins with the field at fault."""


@attrs.frozen(kw_only=True)
class CommandSpec:
    """What the router needs of a command, and what the core needs to call it and to explain it.

    Raises CommandSpecError for an alias or prefix that could not be typed.
    """

    plugin: str
    name: str
    pattern: Pattern
    handler: str
    """The plugin's export that is called."""
    aliases: tuple[str, ...] = attrs.field(default=())
    """Other words for the command's name, such as ``@emit`` or ``l``; several words are allowed."""
    prefix: str | None = attrs.field(default=None)
    """One character that stands for the command when a line begins with it: ``"``, ``:``, ``;``."""
    access: Access = Access.PLAYER
    usage: str = attrs.field()
    """Shown after ``Usage:``; the pattern unless the manifest says better."""
    description: str = ""
    fallback: bool = False
    """Tried with lines that are no command, such as the names of exits."""
    priority: int = 100
    """The plugin's; only told in warnings. The router goes by the order in which it is given the commands."""

    @usage.default
    def _usage(self) -> str:
        return self.pattern.usage

    @aliases.validator
    def _check_aliases(self, _: object, aliases: tuple[str, ...]) -> None:
        for alias in aliases:
            if not alias.split() or "=" in alias:
                raise CommandSpecError(f'aliases: "{alias}" cannot be typed as a command; use a word without =')

    @prefix.validator
    def _check_prefix(self, _: object, prefix: str | None) -> None:
        if prefix is None:
            return
        if len(prefix) != 1 or prefix.isalnum() or prefix.isspace() or not prefix.isprintable():
            raise CommandSpecError(f'prefix: "{prefix}" is not one punctuation character such as " or : or ;')

    @property
    def words(self) -> tuple[str, ...]:
        """The words a line must begin with: the name's if the pattern begins with them, else the pattern's first word.

        Casefolded; empty if the pattern does not begin with a word.
        """
        head = tuple(word.casefold() for word in self.pattern.head)
        name = tuple(self.name.casefold().split())
        return name if name and head[: len(name)] == name else head[:1]

    def fallback_args(self, line: str) -> dict[str, str]:
        """The arguments for a line that is no command: what the pattern takes from it, else the whole as ``text``."""
        args = self.pattern.match(line)
        return {"text": line} if args is None else args
