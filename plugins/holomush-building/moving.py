"""teleport: oneself, one's things and, for admins, everybody, to any place that one may use."""

from choosing import choose_place, choose_to_move
from holomush_pdk import HostError, Invocation, Record, Response, move_character, move_object, query_location
from naming import unquoted
from refusing import Refusal, answering, because
from rights import is_theirs, may_teleport_to
from wording import sentence_start


@answering
def handle_teleport(inv: Invocation):
    who = inv.args.get("who", "me")
    thing = choose_to_move(inv, who)
    if thing.kind == "exit":
        raise Refusal("Exits stay where they are. Open a new one instead.")
    if thing.kind == "location":
        raise Refusal("Places stay where they are.")
    if not is_theirs(inv, thing):
        raise Refusal("You can only teleport yourself and what is yours.")
    place = choose_place(inv, unquoted(inv.args.place), may_teleport_to)
    if thing.location_id == place.id:
        raise Refusal(f"{'You are' if thing.id == inv.actor.id else sentence_start(thing) + ' is'} there already.")
    if thing.kind == "object":
        return send_thing(inv, thing, place)
    return send_person(inv, thing, place)


def send_person(inv: Invocation, person: Record, place: Record):
    move_character(person.id, place.id)
    step = {
        "character_id": person.id,
        "character_name": person.name,
        "from_location": person.location_id,
        "to_location": place.id,
        "exit_used": "",
        "reason": "teleport",
    }
    # The same events as for walking: those who are there see it as they see everybody come and go. Whoever is moved by somebody
    # else is the target, and reads what is meant for them alone.
    if person.id != inv.actor.id:
        step["target_id"] = person.id
    events = [
        {"stream": f"location:{person.location_id}", "type": "leave", "payload": step},
        {"stream": f"location:{place.id}", "type": "arrive", "payload": step},
    ]
    if not person.connected:
        events = []  # who is away was not to be seen either
    if person.id == inv.actor.id:
        return Response(sight(inv, place), events)
    by = {"character_id": inv.actor.id, "character_name": inv.actor.name, "place": place.name}
    events.append({"stream": f"character:{person.id}", "type": "teleport", "payload": by})
    return Response(f"{person.name} is in {place.name} now.", events)


def send_thing(inv: Invocation, thing: Record, place: Record):
    try:
        move_object(thing.id, location=place.id)
    except HostError as error:
        raise because(error) from None
    payload = {"object_id": thing.id, "object": sentence_start(thing), "to_location": place.id, "from_location": thing.location_id}
    events = [{"stream": f"location:{place.id}", "type": "appear", "payload": payload}]
    if thing.location_id:
        events.append({"stream": f"location:{thing.location_id}", "type": "vanish", "payload": payload})
    elif thing.character_id and thing.character_id != inv.actor.id:
        events.append({"stream": f"character:{thing.character_id}", "type": "vanish", "payload": payload})
    return Response(f"{sentence_start(thing)} is in {place.name} now.", events)


def sight(inv: Invocation, place: Record) -> list[str]:
    """A place as one sees it on arriving."""
    place = query_location(place.id)
    lines = [place.name]
    if place.description:
        lines.append(place.description)
    contents = [person.name for person in place.characters if person.connected and person.id != inv.actor.id]
    contents += [thing.name for thing in place.objects]
    if contents:
        lines += ["Contents:", *contents]
    names = [way.name for way in place.exits]
    if names:
        lines += ["Obvious exits:", *(names if inv.session.screen_reader else ["  ".join(names)])]
    return lines
