"""Making channels and doing away with them, and looking after them: silence, kick, ban, op and their opposites."""

from answers import Sorry, friendly, person_called, two_parts
from channels import (
    ADMIN,
    MOST_CHANNELS,
    MOST_JOINED,
    OP,
    OWNER,
    add_member,
    channel_called,
    key_of,
    membership,
    memberships,
    rank_of,
    rank_of_actor,
    remove_member,
    require,
    rulings_on,
    stream_of,
)
from holomush_pdk import (
    Event,
    Invocation,
    Record,
    emit_event,
    set_timer,
    table_delete,
    table_get,
    table_insert,
    table_select,
    table_update,
)
from holomush_pdk.markup import typed
from naming import channel_key, problem_with, shape_of

MOST_OWN = 5
LONGEST_DESCRIPTION = 120
# Members and rulings that are cleared away in one call: three host calls of the 256 that there are for each pair.
SWEPT_AT_ONCE = 80


# Channels


@friendly
def handle_channel_create(inv: Invocation):
    typed = inv.args.get("name")
    if not typed:
        return "Create which channel? Type: channel create <name>"
    if inv.session.access == "guest":
        return "Guests cannot make channels, but join them. Type channel list to see which there are."
    name = channel_key(typed)
    problem = problem_with(name)
    if problem:
        return problem
    refuse_taken(name)
    refuse_too_many(inv)
    table_insert("channels", name=name, shape=shape_of(name), owner_id=inv.actor.id, created_at=inv.timestamp)
    add_member(inv.actor.id, name)
    return f"You have made the channel {name} and are on it. To say something there, type: ={name} <message>"


def refuse_taken(name: str) -> None:
    alike = table_select("channels", {"shape": shape_of(name)}, limit=1)
    if not alike:
        return
    other = alike[0]
    if other.deleted:
        raise Sorry(f"The old channel {other.name} is still being cleared away. Try again in a moment.")
    if other.name == name:
        raise Sorry(f"There is a channel called {name} already. Type: channel join {name}")
    raise Sorry(f"{name} could be taken for the channel {other.name}. Choose another name.")


def refuse_too_many(inv: Invocation) -> None:
    if len(memberships(inv.actor.id)) >= MOST_JOINED:
        raise Sorry(f"You are on {MOST_JOINED} channels. Leave one of them first.")
    if inv.session.access != "admin":
        own = table_select("channels", {"owner_id": inv.actor.id, "deleted": False}, limit=MOST_OWN)
        if len(own) >= MOST_OWN:
            raise Sorry(f"You have {MOST_OWN} channels already. Delete one of them first.")
    if len(table_select("channels", limit=MOST_CHANNELS)) >= MOST_CHANNELS:
        raise Sorry(f"There are {MOST_CHANNELS} channels, and no room for more.")


@friendly
def handle_channel_describe(inv: Invocation):
    name, text = two_parts(inv.args.get("text", ""))
    if not name:
        return "Describe which channel? Type: channel describe <channel>=<text>"
    channel = channel_called(name)
    require(inv, channel, OWNER)
    description = " ".join(text.split())
    if len(description) > LONGEST_DESCRIPTION:
        return f"That is too long: {LONGEST_DESCRIPTION} characters at most."
    table_update("channels", channel.name, description=description)
    return f"{channel.name} is now described as: {description}" if description else f"{channel.name} has no description now."


@friendly
def handle_channel_delete(inv: Invocation):
    name = inv.args.get("name")
    if not name:
        return "Delete which channel? Type: channel delete <channel>"
    # Whole names only: a beginning is too easily that of another channel.
    channel = table_get("channels", channel_key(name))
    if channel is None or channel.deleted:
        return f"There is no channel called {typed(name)}. Type channel list to see which there are."
    require(inv, channel, OWNER)
    emit_event(stream_of(channel.name), "channel-delete", {"channel": channel.name})
    table_update("channels", channel.name, deleted=True)
    sweep(channel.name)
    return f"You have deleted the channel {channel.name}."


def handle_event(event: Event):
    """The timer that sweep has set."""
    sweep(event.payload["payload"]["channel"])


def sweep(channel: str) -> None:
    """Clear away who is on a deleted channel; if they are many, some now and the others in a moment."""
    members = table_select("members", {"channel": channel}, limit=SWEPT_AT_ONCE)
    for member in members:
        remove_member(member.character_id, channel)
    rulings = table_select("rulings", {"channel": channel}, limit=SWEPT_AT_ONCE)
    for ruling in rulings:
        table_delete("rulings", key_of(ruling.character_id, channel))
    if SWEPT_AT_ONCE in (len(members), len(rulings)):
        set_timer(f"sweep {channel}", 1, {"channel": channel})
    else:
        table_delete("channels", channel)


# People on channels


@friendly
def handle_channel_kick(inv: Invocation):
    channel, person = channel_and_person(inv, "kick", OP)
    require_member(person, channel)
    remove_member(person.id, channel.name)
    return tell(channel, person, "kicked", " off the channel")


@friendly
def handle_channel_ban(inv: Invocation):
    channel, person = channel_and_person(inv, "ban", OP)
    rule(channel, person, "banned", f"{person.name} is banned from {channel.name} already.", wanted=True)
    remove_member(person.id, channel.name)
    return tell(channel, person, "banned", " from the channel")


@friendly
def handle_channel_unban(inv: Invocation):
    channel, person = channel_and_person(inv, "unban", OP)
    rule(channel, person, "banned", f"{person.name} is not banned from {channel.name}.", wanted=False)
    return tell(channel, person, "allowed", " to join the channel again")


@friendly
def handle_channel_silence(inv: Invocation):
    channel, person = channel_and_person(inv, "silence", OP)
    rule(channel, person, "silenced", f"{person.name} is silenced on {channel.name} already.", wanted=True)
    return tell(channel, person, "silenced")


@friendly
def handle_channel_unsilence(inv: Invocation):
    channel, person = channel_and_person(inv, "unsilence", OP)
    rule(channel, person, "silenced", f"{person.name} is not silenced on {channel.name}.", wanted=False)
    return tell(channel, person, "allowed", " to speak again")


@friendly
def handle_channel_op(inv: Invocation):
    channel, person = channel_and_person(inv, "op", OWNER)
    if require_member(person, channel).op:
        return f"{person.name} is an operator of {channel.name} already."
    table_update("members", key_of(person.id, channel.name), op=True)
    return tell(channel, person, "made", " an operator of the channel")


@friendly
def handle_channel_deop(inv: Invocation):
    channel, person = channel_and_person(inv, "deop", OWNER)
    if not require_member(person, channel).op:
        return f"{person.name} is no operator of {channel.name}."
    table_update("members", key_of(person.id, channel.name), op=False)
    return tell(channel, person, "made", " an ordinary member again")


def channel_and_person(inv: Invocation, verb: str, least: int) -> tuple[Record, Record]:
    """The channel, if the actor may do that there, and the person, if they may do it to them."""
    name, who = two_parts(inv.args.get("text", ""))
    if not name or not who:
        raise Sorry(f"Type: channel {verb} <channel>=<person>")
    channel = channel_called(name)
    require(inv, channel, least)
    person = person_called(who, inv.actor)
    if person.id == inv.actor.id:
        raise Sorry("You cannot do that to yourself.")
    rank = rank_of_actor(inv, channel)
    if rank < ADMIN and rank_of(person.id, channel) >= rank:
        raise Sorry(f"{person.name} looks after {channel.name}, too. Ask its owner or an admin.")
    return channel, person


def require_member(person: Record, channel: Record) -> Record:
    member = membership(person.id, channel.name)
    if member is None:
        raise Sorry(f"{person.name} is not on {channel.name}.")
    return member


def rule(channel: Record, person: Record, what: str, already: str, *, wanted: bool) -> None:
    """Note that somebody is banned or silenced, or no longer."""
    before = rulings_on(person.id, channel.name)
    if before[what] == wanted:
        raise Sorry(already)
    key = key_of(person.id, channel.name)
    after = {"banned": before.banned, "silenced": before.silenced, what: wanted}
    if not any(after.values()):
        table_delete("rulings", key)
    elif any([before.banned, before.silenced]):
        table_update("rulings", key, **{what: wanted})
    else:
        table_insert("rulings", **key, **after)


def tell(channel: Record, person: Record, done: str, end: str = "") -> str:
    """Let those on the channel know what the actor has done to somebody, and the one; returns what the actor reads."""
    payload = {"channel": channel.name, "target_id": person.id, "target_name": person.name, "done": done, "end": end}
    emit_event(stream_of(channel.name), "channel-rule", payload)
    # Whoever is banned, or has muted the channel, would not hear it there.
    emit_event(f"character:{person.id}", "channel-notice", payload)
    return f"[[{channel.name}] You have {done} {person.name}{end}."
