"""One entry of a manifest's ``depends`` or ``conflicts``: a plugin's name and the versions meant.

What follows from it is for ``loadorder``.
"""

from __future__ import annotations

import re

import attrs
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

from holomush.errors import HolomushError
from holomush.structuring import shown

PLUGIN_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 64
"""Characters of a plugin's name."""

_EXAMPLES = "such as economy or economy >= 1.2, < 2.0.0"
_LONGEST = 200
_CLAUSE = re.compile(r"(>=|>|==|~=|!=|<=|<)\s*([0-9]+(?:\.[0-9]+){0,2})")
_NAME_AND_RANGE = re.compile(r"([^\s<>=!~,]*)\s*(.*)", re.DOTALL)
# In a normal form, by version, then by this.
_OPERATORS = (">=", ">", "==", "~=", "!=", "<", "<=")


class RequirementError(HolomushError):
    """An entry that is not a plugin's name and a range of versions."""


@attrs.frozen
class Requirement:
    """A plugin by name, in any of ``versions``; an empty set of specifiers takes every version."""

    name: str
    versions: SpecifierSet = attrs.field(factory=SpecifierSet)

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """From text such as ``economy >= 1.2, < 2.0.0``: every comparison must hold. Raises ``RequirementError``."""
        if len(text) > _LONGEST:
            raise RequirementError(f"must have {_LONGEST} characters or less, not {len(text)}: {shown(text)}")
        match = _NAME_AND_RANGE.fullmatch(text.strip())
        name, clauses = match.groups() if match else (text, "")
        if not PLUGIN_NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise RequirementError(
                f"must begin with a plugin's name, lower-case words joined by hyphens, {_EXAMPLES}, not {shown(text)}"
            )
        specifiers = {_specifier(clause.strip(), text) for clause in clauses.split(",")} if clauses else set()
        return cls(name, SpecifierSet(",".join(specifiers)))

    def accepts(self, version: str) -> bool:
        """Whether a plugin of this version, three numbers as in ``1.0.0``, will do. ``ValueError`` if it is no version."""
        return self.versions.contains(Version(version), prereleases=True)

    def __str__(self) -> str:
        clauses = ", ".join(f"{specifier.operator} {specifier.version}" for specifier in sorted(self.versions, key=_place))
        return f"{self.name} {clauses}" if clauses else self.name


def _specifier(clause: str, text: str) -> str:
    match = _CLAUSE.fullmatch(clause)
    if not match:
        raise RequirementError(
            f"{shown(clause)} in {shown(text)} is not a range of versions: "
            "write >= > <= < == != or ~= and one to three numbers, such as >= 1.2.0"
        )
    operator, version = match.groups()
    if operator == "~=" and "." not in version:
        raise RequirementError(f"{shown(clause)} in {shown(text)} needs a second number, such as ~= {version}.0")
    return operator + ".".join(str(int(number)) for number in version.split("."))


def _place(specifier: Specifier) -> tuple[Version, int]:
    return Version(specifier.version), _OPERATORS.index(specifier.operator)
