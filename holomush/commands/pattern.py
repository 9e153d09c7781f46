"""Command patterns: ``page <who>=<message>`` compiled once, then matched against lines. Knows no commands.

A pattern is expanded into *variants*, one for each choice of optional parts, the fullest first. A variant is matched
from left to right and never goes back, so a match costs a small multiple of the line's length whatever a player types.

How a ``<name>`` takes its text: up to the first occurrence of the words or ``=`` that follow it in the variant (the
last, if they end the variant); one word if another ``<name>`` follows; the rest of the line if nothing does. It never
takes nothing. A value that is one double-quoted string loses its quotes, and no literal is looked for inside a quoted
string.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from holomush.errors import HolomushError

LENGTH_LIMIT: Final = 500
OPTIONAL_LIMIT: Final = 6
"""Optional parts of one pattern; the number of variants doubles with each."""
ANYTHING: Final = "\N{REPLACEMENT CHARACTER}"
"""In an example line: some text. No pattern has it as a word."""

_TOKENS: Final = re.compile(r"\s+|[\[\]=<>]|[^\s\[\]=<>]+")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# A quoted string is one token only if it closes at a word's end: the quote in `5'10"` or an unclosed one is plain text.
_WORDS: Final = re.compile(r'"[^"]*"(?=\s|\Z)|\S+')
_WORDS_AND_EQUALS: Final = re.compile(r'"[^"]*"(?=[\s=]|\Z)|=|[^\s=]+')


class PatternError(HolomushError):
    """A pattern that cannot be compiled. ``str()`` says what is wrong and what would be right."""


@attrs.frozen
class _Literals:
    """A run of literal words and ``=``, casefolded."""

    words: tuple[str, ...]


@attrs.frozen
class _Argument:
    name: str


@attrs.frozen
class _Optional:
    items: tuple["_Item", ...]


_Item: TypeAlias = _Literals | _Argument | _Optional
_Flat: TypeAlias = _Literals | _Argument
_Variant: TypeAlias = tuple[_Flat, ...]


@attrs.frozen
class _Line:
    """A line cut into tokens: where each lies, and the casefolded text that literals are compared with."""

    text: str
    spans: Sequence[tuple[int, int]]
    folded: list[str]
    # Variants share their beginnings, and so their searches; without this each would walk the line anew.
    _found: dict[tuple[tuple[str, ...], int], int | None] = attrs.field(factory=dict, init=False)

    def value(self, first: int, stop: int) -> str:
        """The text of tokens ``first`` to ``stop - 1`` spacing kept; without quotes if it is one quoted string."""
        start, end = self.spans[first][0], self.spans[stop - 1][1]
        if stop - first == 1 and end - start >= 2 and self.text[start] == self.text[end - 1] == '"':
            return self.text[start + 1 : end - 1].strip()
        return self.text[start:end]

    def find(self, words: tuple[str, ...], start: int) -> int | None:
        """The first place at or after token ``start`` where ``words`` stand in a row."""
        key = (words, start)
        if key not in self._found:
            self._found[key] = self._search(words, start)
        return self._found[key]

    def _search(self, words: tuple[str, ...], start: int) -> int | None:
        size = len(words)
        while True:
            try:
                start = self.folded.index(words[0], start)
            except ValueError:
                return None
            if size == 1 or tuple(self.folded[start : start + size]) == words:
                return start
            start += 1


@attrs.frozen
class Pattern:
    """A compiled pattern. Make one with ``compile_pattern``."""

    text: str
    """As written, white space collapsed."""
    head: tuple[str, ...]
    """The literal words it begins with, as written; empty if it begins with something else."""
    names: tuple[str, ...]
    """Its arguments in order, the optional ones included."""
    _variants: tuple[_Variant, ...] = attrs.field(repr=False)
    _words: re.Pattern[str] = attrs.field(repr=False)

    @property
    def literal(self) -> str:
        """The first literal word, or ``""`` if the pattern begins with an argument or an optional part."""
        return self.head[0] if self.head else ""

    @property
    def usage(self) -> str:
        """What a player is shown after ``Usage:``."""
        return self.text

    def examples(self) -> Iterator[str]:
        """A line that fits for each choice of optional parts; ``ANYTHING`` stands for what players fill in."""
        for variant in self._variants:
            yield " ".join(" ".join(item.words) if isinstance(item, _Literals) else ANYTHING for item in variant)

    def match(self, line: str) -> dict[str, str] | None:
        """Argument name → text as typed, for a whole line, the command's word included; None if it does not match.

        Optional arguments that are not in the line are not in the dict. Never raises.
        """
        spans = [found.span() for found in self._words.finditer(line)]
        tokens = _Line(line, spans, [line[start:end].casefold() for start, end in spans])
        for variant in self._variants:
            args = _match_variant(variant, tokens)
            if args is not None:
                return args
        return None


def _match_variant(variant: _Variant, line: _Line) -> dict[str, str] | None:
    args: dict[str, str] = {}
    at, end = 0, len(line.folded)
    last = len(variant) - 1
    for index, item in enumerate(variant):
        if isinstance(item, _Literals):
            # After an argument this cannot fail, except that a run at the end must end the line.
            if tuple(line.folded[at : at + len(item.words)]) != item.words:
                return None
            at += len(item.words)
            continue
        stop: int | None = end
        if index < last:
            after = variant[index + 1]
            if isinstance(after, _Argument):
                stop = at + 1
                if line.folded[at : at + 1] == ["="]:
                    return None
            elif index + 1 == last:
                stop = end - len(after.words)
            else:
                stop = line.find(after.words, at)
        if stop is None or stop <= at or stop > end:
            return None
        args[item.name] = line.value(at, stop)
        at = stop
    return args if at == end else None


def compile_pattern(text: str) -> Pattern:
    """Compile a pattern as a manifest writes it. Raises PatternError with a sentence that says what would be right."""
    text = " ".join(text.split())
    if not text:
        raise PatternError('the pattern is empty; write at least a word, such as "look"')
    if len(text) > LENGTH_LIMIT:
        raise PatternError(f"the pattern has {len(text)} characters; {LENGTH_LIMIT} are allowed")
    parser = _Parser(text)
    items = parser.parse()
    variants = tuple(dict.fromkeys(_joined(flat) for flat in _expand(items)))
    return Pattern(text, parser.head, tuple(parser.names), variants, _WORDS_AND_EQUALS if "=" in text else _WORDS)


def _expand(items: Sequence[_Item]) -> Iterator[list[_Flat]]:
    """Every choice of optional parts, present before absent, the leftmost choice changing last."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    if isinstance(first, _Optional):
        yield from _expand([*first.items, *rest])
        yield from _expand(rest)
    else:
        for tail in _expand(rest):
            yield [first, *tail]


def _joined(flat: Sequence[_Flat]) -> _Variant:
    """Join neighbouring literals into one run, so that an argument ends only where the whole run follows."""
    joined: list[_Flat] = []
    for item in flat:
        if isinstance(item, _Literals) and joined and isinstance(before := joined[-1], _Literals):
            joined[-1] = _Literals(before.words + item.words)
        else:
            joined.append(item)
    return tuple(joined)


class _Parser:
    """One pass over a pattern's text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _TOKENS.findall(text)
        self._at = 0
        self._optionals = 0
        # The last word or argument, if no white space, `=` or pattern start lies between it and the next token.
        self._glued = ""
        self._head_open = True
        self.head: tuple[str, ...] = ()
        self.names: list[str] = []

    def parse(self) -> tuple[_Item, ...]:
        return self._items(depth=0)

    def _error(self, what: str) -> PatternError:
        return PatternError(f'pattern "{self._text}": {what}')

    def _items(self, depth: int) -> tuple[_Item, ...]:
        items: list[_Item] = []
        while self._at < len(self._tokens):
            piece = self._tokens[self._at]
            self._at += 1
            if piece == "]":
                if not depth:
                    raise self._error('a "]" closes nothing; put a "[" before the optional part')
                if not items:
                    raise self._error('"[]" is empty; put words or a <name> between the brackets')
                return tuple(items)
            if piece.isspace():
                self._glued = ""
            else:
                items.append(self._item(piece, depth))
        if depth:
            raise self._error('a "[" is not closed; put a "]" after the optional part')
        return tuple(items)

    def _item(self, piece: str, depth: int) -> _Item:
        if piece == "[":
            self._head_open = False
            return self._optional(depth)
        if piece == ">":
            raise self._error('a ">" closes nothing; an argument is written <name>')
        if piece == "=":
            self._head_open = False
            self._glued = ""
            return _Literals(("=",))
        if piece == "<":
            self._head_open = False
            name = self._name()
            self._not_glued(f"<{name}>")
            return _Argument(name)
        self._not_glued(piece)
        if self._head_open:
            self.head += (piece,)
        return _Literals((piece.casefold(),))

    def _optional(self, depth: int) -> _Item:
        if depth == 2:
            raise self._error("optional parts are nested three deep; two are allowed")
        self._optionals += 1
        if self._optionals > OPTIONAL_LIMIT:
            raise self._error(f"it has more than {OPTIONAL_LIMIT} optional parts; make two commands of it")
        return _Optional(self._items(depth + 1))

    def _name(self) -> str:
        rest = self._tokens[self._at :]
        if ">" not in rest:
            raise self._error('a "<" is not closed; an argument is written <name>')
        name = "".join(rest[: rest.index(">")])
        self._at += rest.index(">") + 1
        if not name.strip():
            raise self._error('"<>" has no name; an argument is written <name>')
        if not _NAME.fullmatch(name):
            raise self._error(f"<{name}> is not a name; use letters, digits, _ and -, beginning with a letter")
        if name in self.names:
            raise self._error(f"<{name}> is there twice; give each argument a name of its own")
        self.names.append(name)
        return name

    def _not_glued(self, piece: str) -> None:
        if self._glued:
            raise self._error(f"nothing parts {self._glued} from {piece}; put a space or a = between them")
        self._glued = piece
