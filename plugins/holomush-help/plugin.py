"""help: what can be typed, and what can be read about it.

The server tells which commands and topics there are for somebody; nobody learns here of those that are not for them.
"""

import re
from difflib import get_close_matches

from holomush_pdk import Invocation, Record, list_commands, list_topics, read_topic
from holomush_pdk.markup import typed
from pages import Page, key_of, make_pages, servers_own, with_servers_own

MOST_WORDS = 10
LONGEST_SEARCH = 200
LONGEST_NAME = 40

INTRODUCTION = [
    "Type help <command> to read about a command, or help topics to see what else there is to read.",
    "Type help search <words> to look for something. If you are new here, type help newcomer.",
]

CHARACTERS = {
    '"': "double quote",
    "'": "single quote",
    ":": "colon",
    ";": "semicolon",
    "!": "exclamation mark",
    ".": "full stop",
    ",": "comma",
    "/": "slash",
    "\\": "backslash",
    "=": "equals sign",
    "-": "hyphen",
    "~": "tilde",
    "&": "ampersand",
}
"""Prefixes by name: screen readers pass over the character itself."""


def handle_help(inv: Invocation):
    lines = answer(inv, inv.args.get("topic"))
    # Empty lines part what belongs together for the eye; read aloud they only hold up.
    return list(filter(None, lines)) if inv.session.screen_reader else lines


def answer(inv: Invocation, asked: str | None) -> list[str]:
    commands = list_commands(inv.actor.id)
    if not asked:
        return overview(commands)
    of_plugin = [command for command in commands if command.plugin == key_of(asked)]
    pages = make_pages(commands, list_topics(inv.actor.id))
    found = find_pages(pages, key_of(asked))
    if not found and of_plugin:
        return group(of_plugin)
    if not found:
        return [nothing_on(asked, pages)]
    if is_unclear(found):
        return ["Which one: " + ", ".join(names_of(found)) + "?"]
    return read(inv.actor.id, found)


def handle_topics(inv: Invocation):
    topics = list_topics(inv.actor.id)
    if not topics:
        return "There are no topics to read."
    return ["Type help <topic> to read one.", *topic_lines(topics, topics)]


def handle_search(inv: Invocation):
    looked_for = inv.args.get("words", "")
    words = looked_for.casefold().split()
    if not words:
        return "Search for what?"
    if len(words) > MOST_WORDS or len(looked_for) > LONGEST_SEARCH:
        return f"Search for {MOST_WORDS} words at most."
    every_command = with_servers_own(list_commands(inv.actor.id))
    commands = [command for command in every_command if all(word in text_of(command) for word in words)]
    every, topics = list_topics(inv.actor.id), list_topics(inv.actor.id, looked_for)
    if not commands and not topics:
        return f'There is nothing on "{typed(looked_for)}" in the help.'
    lines = [line_of(command) for command in distinct(commands)]
    return lines + [f"help {line}" for line in topic_lines(topics, every)]


# The list of all commands


def overview(commands: list[Record]) -> list[str]:
    lines = [*INTRODUCTION]
    for plugin in dict.fromkeys(command.plugin for command in commands):
        lines += ["", *group([command for command in commands if command.plugin == plugin])]
    return [*lines, "", "Always there:", *map(line_of, servers_own(commands))]


def group(commands: list[Record]) -> list[str]:
    """The commands of one plugin."""
    plugin, about = commands[0].plugin, commands[0].plugin_description.rstrip(". ")
    return [f"{about} ({plugin}):" if about else f"{plugin}:", *map(line_of, distinct(commands))]


def distinct(commands: list[Record]) -> list[Record]:
    """Without further forms of a command that show the same usage: the one that is named as it is typed counts."""
    chosen: dict[tuple[str, str], Record] = {}
    for command in commands:
        usage = (command.plugin, command.usage)
        if usage not in chosen or command.name.casefold() == command.words.casefold():
            chosen[usage] = command
    return list(chosen.values())


def line_of(command: Record) -> str:
    return ": ".join(filter(None, [usage_of(command), command.description]))


def usage_of(command: Record) -> str:
    """Manifests set alternatives apart with spaces, which screen readers do not tell."""
    return typed(" ".join(command.usage.split()))


def text_of(command: Record) -> str:
    """All that can be searched for."""
    return "\n".join([command.name, command.words, command.usage, command.description, *command.aliases]).casefold()


def topic_lines(topics: list[Record], every: list[Record]) -> list[str]:
    """A line for each topic; one whose name another plugin's topic has, too, goes by both names."""
    names = [topic.topic for topic in every]
    called = [topic.topic if names.count(topic.topic) == 1 else f"{topic.plugin} {topic.topic}" for topic in topics]
    return [f"{name}: {topic.title}" for name, topic in zip(called, topics, strict=True)]


# One command or topic


def find_pages(pages: list[Page], key: str) -> list[Page]:
    """The pages that ``key`` means: by a whole name, or else by another word for a command, or by the beginning of either."""
    bare = key.lstrip("@+")
    ways = [
        [page for page in pages if key in page.names | page.full_names],
        [page for page in pages if key in page.other_names],
        [page for page in pages if bare and bare in page.names | page.other_names],
        [page for page in pages if bare and any(name.startswith(bare) for name in page.names)],
        [page for page in pages if bare and any(name.startswith(bare) for name in page.other_names)],
    ]
    return next(filter(None, ways), [])


def is_unclear(found: list[Page]) -> bool:
    """Several commands of one name in one plugin are forms of one command, and are shown together."""
    return len({(page.plugin, page.title) for page in found}) > 1


def names_of(found: list[Page]) -> list[str]:
    titles = [page.title for page in found]
    called = [page.title if titles.count(page.title) == 1 else f"{page.plugin} {page.title}" for page in found]
    return list(dict.fromkeys(called))


def nothing_on(asked: str, pages: list[Page]) -> str:
    titles = {name: page.title for page in pages for name in page.names | page.other_names}
    near = get_close_matches(key_of(asked)[:LONGEST_NAME], titles, n=1)
    hint = f' Did you mean "{titles[near[0]]}"?' if near else ""
    return f'There is no help on "{typed(asked)}".{hint}'


def read(reader_id: str, found: list[Page]) -> list[str]:
    parts = [describe(command) for command in distinct([page.command for page in found if page.command is not None])]
    topics = dict.fromkeys((page.plugin, page.topic) for page in found if page.topic is not None)
    parts += [shown(read_topic(reader_id, plugin, topic)) for plugin, topic in topics]
    return [line for number, part in enumerate(parts) for line in (["", *part] if number else part)]


def describe(command: Record) -> list[str]:
    lines = [f"Usage: {usage_of(command)}"]
    if command.description:
        lines.append(command.description)
    if command.aliases:
        lines.append(f"Other words for it: {typed(', '.join(command.aliases))}")
    if command.prefix:
        lines.append(f"Short form: begin the line with {command.prefix} ({CHARACTERS[command.prefix]}).")
    if command.access not in ("guest", "player"):
        lines.append(f"Access: {command.access}")
    lines.append(f"Plugin: {command.plugin}" if command.plugin else "It belongs to the server and is always there.")
    return lines


def shown(text: str) -> list[str]:
    """A topic's lines, without the marks of Markdown's headings."""
    return [re.sub(r"^#{1,6} +", "", line) for line in text.splitlines()]
