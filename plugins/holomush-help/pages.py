"""What help can be asked for: a page for each command and each topic, and the names that lead to it."""

from dataclasses import dataclass, field

from holomush_pdk import Record


def server_command(name: str, description: str) -> Record:
    """A command that belongs to the connection, and so is in no plugin."""
    return Record(
        plugin="",
        plugin_description="",
        name=name,
        words=name,
        usage=name,
        description=description,
        aliases=[],
        prefix=None,
        access="guest",
    )


SERVERS_OWN = [server_command("WHO", "See who is playing."), server_command("QUIT", "Leave the game.")]


def servers_own(commands: list[Record]) -> list[Record]:
    """The server's own commands, without those that a plugin takes the place of."""
    taken = {command.words.casefold() for command in commands}
    return [own for own in SERVERS_OWN if own.words.casefold() not in taken]


def with_servers_own(commands: list[Record]) -> list[Record]:
    return [*commands, *servers_own(commands)]


@dataclass
class Page:
    """A command, a topic, or a command with the topic of its plugin that has its name."""

    plugin: str
    title: str
    names: set[str]
    other_names: set[str] = field(default_factory=set)
    full_names: set[str] = field(default_factory=set)
    """After the plugin's name: for pages of several plugins that have the same name."""
    command: Record | None = None
    topic: str | None = None


def key_of(name: str) -> str:
    """Names as they are compared: ``First  Steps`` is ``first-steps``."""
    return "-".join(name.casefold().split())


def make_pages(commands: list[Record], topics: list[Record]) -> list[Page]:
    pages = [command_page(command) for command in with_servers_own(commands)]
    for topic in topics:
        about = [page for page in pages if page.plugin == topic.plugin and topic.topic in page.names]
        if about:
            about[0].topic = topic.topic
        else:
            full_names = {key_of(f"{topic.plugin} {topic.topic}")}
            pages.append(Page(topic.plugin, topic.topic, {topic.topic}, full_names=full_names, topic=topic.topic))
    return pages


def command_page(command: Record) -> Page:
    title = command.words or command.name
    names = {key_of(name) for name in (command.words, command.name) if name}
    others = {key_of(name) for name in (*command.aliases, command.prefix) if name}
    full_names = {key_of(f"{command.plugin} {name}") for name in names}
    return Page(command.plugin, title, names, others, full_names, command=command)
