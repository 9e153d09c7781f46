"""Who may do what to what: builders change what is theirs, admins everything."""

from holomush_pdk import Invocation, Record, query_location
from refusing import Refusal

NOT_YOURS = "That is not yours to change."


def is_admin(inv: Invocation) -> bool:
    return bool(inv.session.access == "admin")


def is_builder(inv: Invocation) -> bool:
    return is_admin(inv) or inv.session.access == "builder"


def owner_id(thing: Record) -> str | None:
    """Whose it is; None for what is the game's. An exit belongs to whoever owns the place it leads from, people to themselves."""
    if thing.kind == "character":
        return str(thing.id)
    if thing.kind == "exit":
        thing = query_location(thing.source_id)
    return thing.owner_id


def is_theirs(inv: Invocation, thing: Record) -> bool:
    """Whether the actor may change a thing."""
    return is_admin(inv) or owner_id(thing) == inv.actor.id


def must_be_theirs(inv: Invocation, thing: Record) -> None:
    if not is_theirs(inv, thing):
        raise Refusal(NOT_YOURS)


def may_lead_to(inv: Invocation, place: Record) -> bool:
    """Whether the actor may make an exit that leads to a place."""
    return is_theirs(inv, place) or bool(place.attributes.link_ok)


def may_teleport_to(inv: Invocation, place: Record) -> bool:
    """As exits, and to the places of the game itself, or builders could not come back from their first place."""
    return may_lead_to(inv, place) or place.owner_id is None
