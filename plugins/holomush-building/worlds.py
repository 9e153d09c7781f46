"""world export and world import: the whole world in a file of the server, and back."""

from holomush_pdk import HostError, Invocation, Record, export_world, import_world
from refusing import answering, because
from wording import count

# An import of a file that somebody has changed may have many warnings; the first ones tell what is wrong with it.
MOST_WARNINGS = 100


@answering
def handle_export(inv: Invocation):
    try:
        written = export_world(inv.args.name)
    except HostError as error:
        raise because(error) from None
    lines = [f"The world is in {written.path} now.", counted(written)]
    if written.left_out:
        lines.append(f"Left out: {count(written.left_out, 'thing')} that players carry.")
    return lines


@answering
def handle_import(inv: Invocation):
    try:
        read = import_world(inv.args.name)
    except HostError as error:
        raise because(error) from None
    lines = [f"Read {read.path}.", counted(read), f"Made: {read.created}. Changed: {read.updated}."]
    lines += [f"Warning: {warning}" for warning in read.warnings[:MOST_WARNINGS]]
    if len(read.warnings) > MOST_WARNINGS:
        lines.append(f"and {count(len(read.warnings) - MOST_WARNINGS, 'more warning')}")
    return lines


def counted(world: Record) -> str:
    return (
        f"It holds {count(world.locations, 'place')}, {count(world.exits, 'exit')}, {count(world.objects, 'thing')} "
        f"and {count(world.characters, 'person', 'people')}."
    )
