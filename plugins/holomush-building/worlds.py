"""world export and world import: the whole world in a file of the server, and back."""

from holomush_pdk import HostError, Invocation, Record, export_world, import_world
from refusing import Refusal, answering, because, sentence
from wording import count

# An import of a file that somebody has changed may have many warnings; the first ones tell what is wrong with it.
MOST_WARNINGS = 100
# How the server begins when a name cannot be that of a file.
_WRONG_NAME = "name: must be "


@answering
def handle_export(inv: Invocation):
    try:
        written = export_world(inv.args.name)
    except HostError as error:
        raise why(error) from None
    lines = [f"The world is in {written.path} now.", counted(written)]
    if written.left_out:
        lines.append(f"Left out: {count(written.left_out, 'thing')} that players carry.")
    return lines


@answering
def handle_import(inv: Invocation):
    try:
        read = import_world(inv.args.name)
    except HostError as error:
        raise why(error) from None
    lines = [f"Read {read.path}.", counted(read), f"Made: {read.created}. Changed: {read.updated}."]
    lines += [f"Warning: {warning}" for warning in read.warnings[:MOST_WARNINGS]]
    if len(read.warnings) > MOST_WARNINGS:
        lines.append(f"and {count(len(read.warnings) - MOST_WARNINGS, 'more warning')}")
    return lines


def why(error: HostError) -> Refusal:
    """Why there can be no such file. What the server says of a name is about the world's."""
    wrong_name = error.code == "invalid_argument" and error.message.startswith(_WRONG_NAME)
    return Refusal(sentence("A world's name is " + error.message.removeprefix(_WRONG_NAME))) if wrong_name else because(error)


def counted(world: Record) -> str:
    return (
        f"It holds {count(world.locations, 'place')}, {count(world.exits, 'exit')}, {count(world.objects, 'thing')} "
        f"and {count(world.characters, 'person', 'people')}."
    )
