"""stats and plugin: figures about the server and its plugins, and switching plugins on and off."""

from asking import Refused, answering, counted, in_words
from holomush_pdk import Invocation, Record, disable_plugin, enable_plugin, list_plugins, server_stats
from holomush_pdk.matching import fitting, which_one

OURSELVES = "holomush-admin"
FAMILY = "holomush-"

FIGURES = ("Plugin", "State", "Calls", "Failed", "p50 ms", "p95 ms", "MiB")
ABOUT = ("Plugin", "Version", "State", "Language", "Description")


@answering
def handle_stats(inv: Invocation):
    name = inv.args.get("plugin")
    if name:
        return about_plugin(find_plugin(name))
    plugins = list_plugins()
    rows = [(p.name, state(p), str(p.calls), str(p.failures), f"{p.p50_ms:.2f}", f"{p.p95_ms:.2f}", mebibytes(p)) for p in plugins]
    return [*about_server(server_stats()), "", *table(inv, FIGURES, rows, [figures_of(p) for p in plugins], numbers_from=2)]


@answering
def handle_plugin_list(inv: Invocation):
    plugins = list_plugins()
    rows = [(p.name, p.version, state(p), p.language, p.description) for p in plugins]
    return table(inv, ABOUT, rows, [introduction(p) for p in plugins], numbers_from=len(ABOUT))


@answering
def handle_plugin_on(inv: Invocation):
    plugin = find_plugin(inv.args.get("plugin"))
    if plugin.enabled:
        return f"{plugin.name} is on already."
    enable_plugin(plugin.name)
    return f"{plugin.name} is on."


@answering
def handle_plugin_off(inv: Invocation):
    plugin = find_plugin(inv.args.get("plugin"))
    if plugin.name == OURSELVES:
        return f"{OURSELVES} stays on: nobody could switch it on again."
    if not plugin.enabled:
        return f"{plugin.name} is off already."
    needed_by = [other.name for other in list_plugins() if other.enabled and other.name in plugin.needed_by]
    if needed_by:
        return f"{plugin.name} stays on, because others need it: {', '.join(needed_by)}."
    disable_plugin(plugin.name)
    return f"{plugin.name} is off."


def find_plugin(name: str | None) -> Record:
    """The one plugin that ``name`` means: its name, with or without ``holomush-``, or the beginning of either."""
    if not name:
        raise Refused("Which plugin? Type plugin list to see them.")
    plugins = [Record(plugin, aliases=[plugin.name.removeprefix(FAMILY)]) for plugin in list_plugins()]
    found = fitting(plugins, name)
    if not found:
        raise Refused(f"There is no plugin called {name}.")
    if len(found) > 1:
        raise Refused(which_one(found))
    return found[0]


def about_server(stats: Record) -> list[str]:
    return [
        f"HoloMUSH {stats.version}, up for {in_words(stats.uptime_seconds)}",
        f"Players: {stats.sessions}",
        f"Commands: {stats.commands}",
        f"Events: {stats.events}, {stats.events_per_second:.1f} a second in the last minute",
        f"Places: {stats.locations}",
        f"Exits: {stats.exits}",
        f"Characters: {stats.characters}",
        f"Objects: {stats.objects}",
    ]


def about_plugin(plugin: Record) -> list[str]:
    return [
        f"{plugin.name} {plugin.version}",
        *([plugin.description] if plugin.description else []),
        f"State: {state(plugin)}",
        f"Language: {plugin.language}",
        f"Calls: {plugin.calls}",
        f"Failed: {plugin.failures}",
        f"Half of the calls took at most {plugin.p50_ms:.2f} ms",
        f"95 percent of the calls took at most {plugin.p95_ms:.2f} ms",
        f"Memory: {mebibytes(plugin)} MiB in " + counted(plugin.instances, "instance"),
        f"Needed by: {', '.join(plugin.needed_by) or 'no other plugin'}",
    ]


def figures_of(plugin: Record) -> str:
    calls = counted(plugin.calls, "call")
    times = f"half within {plugin.p50_ms:.2f} ms, 95 percent within {plugin.p95_ms:.2f} ms"
    return f"{plugin.name}: {state(plugin)}, {calls}, {plugin.failures} failed, {times}, {mebibytes(plugin)} MiB"


def introduction(plugin: Record) -> str:
    about = f": {plugin.description}" if plugin.description else ""
    return f"{plugin.name} {plugin.version}, {state(plugin)}, {plugin.language}{about}"


def state(plugin: Record) -> str:
    if not plugin.enabled:
        return "off"
    return f"paused for {in_words(plugin.paused_seconds)}" if plugin.paused_seconds else "on"


def mebibytes(plugin: Record) -> str:
    return f"{plugin.memory_bytes / 2**20:.1f}"


def table(inv: Invocation, heads: tuple[str, ...], rows: list[tuple[str, ...]], spoken: list[str], numbers_from: int) -> list[str]:
    """Columns side by side, those from ``numbers_from`` to the right; or ``spoken``, for screen readers and narrow windows."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if number >= numbers_from else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return spoken if inv.session.screen_reader or max(map(len, lines)) > inv.session.width else lines
