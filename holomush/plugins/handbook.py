"""What people can read about the loaded plugins: their commands and help topics, each as far as somebody's access goes.

Owns what plugins are told of both; what a command is and which one a line reaches is the router's, and the files of the topics are
read with their plugin.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from holomush.commands.access import Access
from holomush.commands.router import Router, Usable
from holomush.plugins.roster.source import PluginSource

TITLE_LIMIT = 200
"""Characters of a topic's title."""

_NO_WORD = re.compile(r"[^a-z0-9]+")


@attrs.frozen(kw_only=True)
class _Topic:
    plugin: str
    name: str
    title: str
    text: str
    access: Access
    folded: str
    """All that can be searched for, casefolded."""


class Handbook:
    """Empty until it is written. Reading is safe from any thread."""

    def __init__(self) -> None:
        self._commands: Mapping[Access, Sequence[Mapping[str, Any]]] = {}
        self._topics: Sequence[_Topic] = ()

    def write(self, router: Router, sources: Sequence[PluginSource]) -> None:
        """From now on it is about these plugins, in load order, and the commands that ``router`` finds."""
        order = {source.manifest.name: index for index, source in enumerate(sources)}
        descriptions = {source.manifest.name: source.manifest.description for source in sources}
        self._commands = {
            access: [
                _shown(usable, descriptions[usable.spec.plugin])
                for usable in sorted(router.usable(access), key=lambda usable: order[usable.spec.plugin])
            ]
            for access in Access
        }
        self._topics = [_topic(source, name, text) for source in sources for name, text in source.topics.items()]

    def commands(self, access: Access) -> list[dict[str, Any]]:
        """The commands that somebody with this access may use, by plugins in load order."""
        return [dict(command) for command in self._commands.get(access, ())]

    def topics(self, access: Access, words: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The topics that somebody with this access may read and in which all of ``words`` occur, in any letter case."""
        folded = [word.casefold() for word in words]
        return [
            {"plugin": topic.plugin, "topic": topic.name, "title": topic.title}
            for topic in self._topics
            if topic.access <= access and all(word in topic.folded for word in folded)
        ]

    def read(self, access: Access, plugin: str, name: str) -> str | None:
        """The text of a topic; None if there is none that somebody with this access may read."""
        found = (topic for topic in self._topics if (topic.plugin, topic.name) == (plugin, name) and topic.access <= access)
        topic = next(found, None)
        return None if topic is None else topic.text


def _shown(usable: Usable, plugin_description: str) -> dict[str, Any]:
    spec = usable.spec
    return {
        "plugin": spec.plugin,
        "plugin_description": plugin_description,
        "name": spec.name,
        "words": " ".join(spec.words),
        "usage": spec.usage,
        "description": spec.description,
        "aliases": list(usable.aliases),
        "prefix": usable.prefix,
        "access": spec.access.name.lower(),
    }


def _topic(source: PluginSource, name: str, text: str) -> _Topic:
    title = text.strip().splitlines()[0].lstrip("#").strip()[:TITLE_LIMIT] or name
    return _Topic(
        plugin=source.manifest.name,
        name=name,
        title=title,
        text=text,
        access=_access(source, name),
        folded=f"{name}\n{text}".casefold(),
    )


def _access(source: PluginSource, topic: str) -> Access:
    """A topic about a command is for those who may use the command; any other is for everybody."""
    specs = source.manifest.command_specs()
    about = [spec.access for spec in specs if topic in (_slug(spec.name), _slug(" ".join(spec.words)))]
    return min(about, default=Access.GUEST)


def _slug(name: str) -> str:
    """A command's name as a topic's: ``channel create`` is ``channel-create``, ``@boot`` is ``boot``."""
    return _NO_WORD.sub("-", name.casefold()).strip("-")
