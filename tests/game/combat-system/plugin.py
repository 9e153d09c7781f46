"""Fighting: the design's example of a plugin with attributes and a table of its own."""

from holomush_pdk import Invocation, emit_event, find, query_location, set_attributes, table_insert, table_select

DAMAGE = {"aggressive": 15, "neutral": 10, "defensive": 5}
"""What a blow takes, by the attacker's stance."""


def handle_attack(inv: Invocation) -> str:
    if query_location(inv.location.id).attributes.danger_level < 0:
        return "Nobody fights here."
    found = [who for who in find(inv.args.target, near=inv.actor.id, kinds=["character"]) if who.id != inv.actor.id]
    if len(found) != 1:
        return "Attack whom?"
    target = found[0]
    damage = min(DAMAGE[inv.actor.attributes.combat_stance], target.attributes.health)
    if not damage:
        return f"{target.name} is beaten already."
    health = target.attributes.health - damage
    set_attributes(target.id, health=health)
    table_insert("combat_logs", attacker_id=inv.actor.id, defender_id=target.id, damage=damage, timestamp=inv.timestamp)
    text = f"{inv.actor.name} hits {target.name} for {damage}."
    emit_event(f"location:{inv.location.id}", "attack", {"text": text, "health": health})
    blows = table_select("combat_logs", {"attacker_id": inv.actor.id}, order="-timestamp", limit=10)
    return f"{target.name} has {health} health left. Your last blows took: {', '.join(str(blow.damage) for blow in blows)}."


def handle_stance(inv: Invocation) -> str:
    position = inv.args.position.lower()
    if position not in DAMAGE:
        return f"A stance is one of {', '.join(DAMAGE)}."
    set_attributes(inv.actor.id, combat_stance=position)
    return f"Your stance is {position} now."
