"""examine and find: all there is to know of something, and where one's own things are. One item a line, for every reader."""

from choosing import KINDS, choose, exists
from holomush_pdk import Invocation, Record, find, query_character, query_exit, query_location, query_object
from holomush_pdk.markup import typed
from holomush_pdk.matching import name_key
from refusing import Refusal, answering
from rights import is_admin, is_theirs, owner_id
from wording import WORDS, exit_names, plain, ref, sentence_start

# Each of these lines may cost two questions to the server, and a command has 256 of them.
MOST_EXITS = 40
MOST_CONTENTS = 100
MOST_FOUND = 50
# As many as the server gives.
FOUND_LIMIT = 100

KIND_WORDS = {
    "place": "location",
    "places": "location",
    "thing": "object",
    "things": "object",
    "exit": "exit",
    "exits": "exit",
    "person": "character",
    "people": "character",
}


# The last only for admins: to builders, other people are not theirs to find.
ALL_KINDS = ["location", "object", "exit", "character"]


@answering
def handle_examine(inv: Invocation):
    name = inv.args.get("what", "here")
    what, _, field = name.rpartition("/")
    # A name may have a slash in it, too.
    if what.strip() and not find(name, near=inv.actor.id, kinds=KINDS):
        return examine_property(inv, choose(inv, what.strip()), field)
    thing = choose(inv, name)
    if is_theirs(inv, thing):
        return [*heading(thing), *inner_lines(thing)]
    if not is_near(inv, thing):
        raise Refusal("That is not yours to examine.")
    return [*heading(thing), f"Description: {plain(thing.get('description', '')) or 'none'}", "The rest is for its owner to see."]


def examine_property(inv: Invocation, thing: Record, name: str):
    """The one text that is noted under a name."""
    if not is_theirs(inv, thing):
        raise Refusal("That is not yours to examine.")
    properties = thing.attributes.properties
    key = name_key(name)
    if key not in properties:
        raise Refusal(f"{sentence_start(thing)} has no property {typed(key)}.")
    return property_line(key, properties[key])


def property_line(name: str, text: str) -> str:
    return f"Property {name}: {plain(text)}"


def heading(thing: Record) -> list[str]:
    return [ref(thing), f"Kind: {WORDS[thing.kind]}", *owner_line(thing)]


def owner_line(thing: Record) -> list[str]:
    if thing.kind == "character":
        return []
    owner = owner_id(thing)
    person = exists("character", owner) if owner else None
    return [f"Owner: {ref(person) if person else 'the game'}"]


def is_near(inv: Invocation, thing: Record) -> bool:
    """Whether the actor can see it: it is the place itself, or stands, lies, leads from or is carried there."""
    places = {thing.get("location_id"), thing.get("source_id"), thing.id if thing.kind == "location" else None}
    return inv.location.id in places or thing.get("character_id") == inv.actor.id


def inner_lines(thing: Record) -> list[str]:
    """What only those see who may change it."""
    lines = LINES[thing.kind](thing)
    properties = thing.attributes.properties
    return [*lines, *(property_line(name, properties[name]) for name in sorted(properties))]


def place_lines(place: Record) -> list[str]:
    place = query_location(place.id)
    return [
        f"link_ok: {'yes' if place.attributes.link_ok else 'no'}",
        f"Description: {plain(place.description) or 'none'}",
        *each("Person here", place.characters),
        *each("Thing here", place.objects),
        *exit_lines(place),
    ]


def exit_lines(place: Record) -> list[str]:
    ways_out = place.exits[:MOST_EXITS]
    ways_in = [query_exit(entrance) for entrance in place.entrance_ids[:MOST_EXITS]]
    lines_out = [f"Exit out: {exit_ref(way)} to {name_of('location', way.destination_id)}" for way in ways_out]
    lines_in = [f"Exit in: {exit_ref(way)} from {name_of('location', way.source_id)}" for way in ways_in]
    return [*with_rest(lines_out, len(place.exits), "Exit out"), *with_rest(lines_in, len(place.entrance_ids), "Exit in")]


def exit_ref(way: Record) -> str:
    return f"{exit_names(way)} (#{way.id})"


def exit_to_lines(way: Record) -> list[str]:
    lines = [f"Other names: {', '.join(way.aliases) or 'none'}", f"From: {name_of('location', way.source_id)}"]
    if way.attributes.loose:
        lines.append("To: nowhere")
    else:
        lines.append(f"To: {name_of('location', way.destination_id)}")
    return [*lines, f"Lock: {plain(way.lock) or 'none'}"]


def thing_lines(thing: Record) -> list[str]:
    return [
        f"Where: {where(thing)}",
        f"Lock: {plain(thing.lock) or 'none'}",
        f"Description: {plain(thing.description) or 'none'}",
        *each("Holds", query_object(thing.id).objects),
    ]


def person_lines(person: Record) -> list[str]:
    return [
        f"Where: {where(person)}",
        f"Connected: {'yes' if person.connected else 'no'}",
        f"Description: {plain(person.description) or 'none'}",
        *each("Carries", query_character(person.id).objects),
    ]


LINES = {"location": place_lines, "exit": exit_to_lines, "object": thing_lines, "character": person_lines}


def each(word: str, things: list[Record]) -> list[str]:
    return with_rest([f"{word}: {ref(thing)}" for thing in things[:MOST_CONTENTS]], len(things), word)


def with_rest(lines: list[str], number: int, word: str) -> list[str]:
    """The lines, and how many more there would be."""
    return [*lines, f"{word}: {number - len(lines)} more"] if number > len(lines) else lines


def name_of(kind: str, thing_id: str) -> str:
    thing = exists(kind, thing_id)
    return ref(thing) if thing else "a place that is gone"


def where(thing: Record) -> str:
    """Where something is: `in Hall (#01K...)`."""
    if thing.kind == "exit":
        return f"from {name_of('location', thing.source_id)} to {name_of('location', thing.destination_id)}"
    if thing.get("character_id"):
        return f"carried by {name_of('character', thing.character_id)}"
    if thing.get("container_id"):
        return f"inside {name_of('object', thing.container_id)}"
    return f"in {name_of('location', thing.location_id)}"


@answering
def handle_find(inv: Invocation):
    first, _, rest = inv.args.name.strip().partition(" ")
    kind = KIND_WORDS.get(name_key(first)) if rest.strip() else None
    name = rest.strip() if kind else inv.args.name
    kinds = [kind] if kind else ALL_KINDS if is_admin(inv) else ALL_KINDS[:3]
    looked_at = find(name, near=None, kinds=kinds)
    found = looked_at if is_admin(inv) else [thing for thing in looked_at if is_theirs(inv, thing)]
    if not found:
        whose = "is called" if is_admin(inv) else "of yours is called"
        raise Refusal(f"Nothing {whose} {typed(name)}.")
    lines = [found_line(thing) for thing in found[:MOST_FOUND]]
    if len(found) > MOST_FOUND:
        lines.append(f"and {len(found) - MOST_FOUND} more")
    if len(looked_at) == FOUND_LIMIT:
        lines.append(f"That many are called so that only the oldest {FOUND_LIMIT} were looked at. Type more of the name.")
    return lines


def found_line(thing: Record) -> str:
    line = f"{ref(thing)}, {'an' if thing.kind == 'exit' else 'a'} {WORDS[thing.kind]}"
    return line if thing.kind == "location" else f"{line} {where(thing)}"
