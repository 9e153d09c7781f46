"""What everybody does with channels: join and leave, talk and listen, and see what there is."""

import re

from answers import Sorry, ago, as_pose, friendly, two_parts
from channels import (
    MOST_JOINED,
    OP,
    add_member,
    all_channels,
    channel_called,
    channel_with,
    key_of,
    membership,
    memberships,
    not_on,
    own_channel_called,
    own_channels_called,
    rank_of_actor,
    remove_member,
    rulings_on,
    stream_of,
)
from holomush_pdk import (
    Invocation,
    Record,
    emit_event,
    list_events,
    list_listeners,
    list_sessions,
    listen,
    query_character,
    set_attributes,
    table_get,
    table_select,
    table_update,
    unlisten,
)
from holomush_pdk.markup import typed
from holomush_pdk.matching import which_one
from naming import channel_key

MOST_LISTED = 60
MOST_NAMES = 100
MOST_RULINGS = 50
MOST_LINES = 100
USUAL_LINES = 20
# Characters of a history that is shown at once.
LONGEST_HISTORY = 20_000
# Behind the equals sign a shorter beginning is taken for a word that is said.
SHORTEST_BEGINNING = 3

SPOKEN = ("channel-say", "channel-pose")


@friendly
def handle_channel(inv: Invocation):
    """channel alone, or a word after it that means nothing"""
    what = inv.args.get("what")
    if not what:
        return handle_channel_list(inv)
    return f"There is no command channel {typed(what.split()[0])}. Type help channel or help moderating to see which there are."


# Joining and leaving


@friendly
def handle_channel_join(inv: Invocation):
    channel = channel_called(named(inv, "Join")).name
    if membership(inv.actor.id, channel) is not None:
        return f"You are on {channel} already."
    if rulings_on(inv.actor.id, channel).banned:
        return f"You are banned from {channel}."
    if len(memberships(inv.actor.id)) >= MOST_JOINED:
        return f"You are on {MOST_JOINED} channels. Leave one of them first."
    add_member(inv.actor.id, channel)
    emit_event(stream_of(channel), "channel-join", {"channel": channel})
    return f"You have joined {channel}. To say something there, type: ={channel} <message>"


@friendly
def handle_channel_leave(inv: Invocation):
    channel = own_channel_called(inv, named(inv, "Leave")).channel
    remove_member(inv.actor.id, channel)
    emit_event(stream_of(channel), "channel-leave", {"channel": channel})
    return f"You have left {channel}."


@friendly
def handle_channel_mute(inv: Invocation):
    member = own_channel_called(inv, named(inv, "Mute"))
    if member.muted:
        return f"You have muted {member.channel} already."
    table_update("members", key_of(inv.actor.id, member.channel), muted=True)
    unlisten(stream_of(member.channel), inv.actor.id)
    return f"You hear nothing from {member.channel} until you type: channel unmute {member.channel}"


@friendly
def handle_channel_unmute(inv: Invocation):
    member = own_channel_called(inv, named(inv, "Unmute"))
    if not member.muted:
        return f"You have not muted {member.channel}."
    table_update("members", key_of(inv.actor.id, member.channel), muted=False)
    listen(stream_of(member.channel), inv.actor.id)
    return f"You hear {member.channel} again."


def named(inv: Invocation, verb: str) -> str:
    """The channel that was typed."""
    name = inv.args.get("name")
    if not name:
        raise Sorry(f"{verb} which channel? Type channel list to see which there are.")
    return name


# Talking


@friendly
def handle_channel_say(inv: Invocation):
    """channel say public=hello"""
    name, message = two_parts(inv.args.get("text", ""))
    if not name:
        return "Say what? Type: channel say <channel>=<message>"
    return say_on(inv, own_channel_called(inv, name), message)


@friendly
def handle_channel_talk(inv: Invocation):
    """=public hello, or =hello"""
    text = inv.args.get("text")
    if not text:
        return "Say what? Type: =<channel> <message>"
    name, message = two_parts(text)
    found = own_channels_called(inv, name)
    exact = bool(found) and found[0].channel == channel_key(name)
    if message and not exact and channel_with(channel_key(name)) is not None:
        # Words for one channel must not be read on the one where somebody spoke last.
        raise not_on(channel_key(name))
    if not exact and (not message or len(name) < SHORTEST_BEGINNING):
        found = []
    if len(found) > 1:
        return which_one([{"name": member.channel} for member in found])
    if found:
        return say_on(inv, found[0], message)
    return say_on(inv, usual_channel(inv), text)


def usual_channel(inv: Invocation) -> Record:
    """Where somebody spoke last, or the only channel that they are on."""
    last = membership(inv.actor.id, inv.actor.attributes.channel or "")
    if last is not None:
        return last
    every = memberships(inv.actor.id)
    if not every:
        raise Sorry("You are on no channel. Type channel list to see which there are.")
    if len(every) > 1:
        raise Sorry("On which channel? Type: =<channel> <message>")
    return every[0]


def say_on(inv: Invocation, member: Record, message: str) -> None:
    channel = member.channel
    if not message:
        raise Sorry(f"Say what on {channel}?")
    if member.muted:
        raise Sorry(f"You have muted {channel}. To speak there, type: channel unmute {channel}")
    if rulings_on(inv.actor.id, channel).silenced:
        raise Sorry(f"You have been silenced on {channel}.")
    pose = as_pose(message)
    if pose is None:
        emit_event(stream_of(channel), "channel-say", {"channel": channel, "message": message})
    else:
        space, action = pose
        emit_event(stream_of(channel), "channel-pose", {"channel": channel, "action": action, "space": space})
    if inv.actor.attributes.channel != channel:
        set_attributes(inv.actor.id, channel=channel)


# Looking


@friendly
def handle_channel_list(inv: Invocation):
    start = inv.args.get("name", "")
    channels = all_channels(channel_key(start))
    if not channels and start:
        return f"There is no channel whose name begins with {typed(start)}."
    if not channels:
        return "There are no channels yet. To make one, type: channel create <name>"
    connected = {session.character_id for session in list_sessions()}
    own = {member.channel: member for member in memberships(inv.actor.id)}
    lines = [describe(channel, own.get(channel.name), connected) for channel in channels[:MOST_LISTED]]
    if len(channels) > MOST_LISTED:
        more = len(channels) - MOST_LISTED
        lines.append(f"And {more} more. Type channel list and the beginning of a name to see only some.")
    return lines


def describe(channel: Record, member: Record | None, connected: set[str]) -> str:
    """`public, 3 listening, you are on it: Talk about anything.`"""
    listening = connected.intersection(list_listeners(stream_of(channel.name)))
    parts = [channel.name, f"{len(listening)} listening"]
    if member is not None:
        parts.append("you have muted it" if member.muted else "you are on it")
    return ", ".join(parts) + (f": {channel.description}" if channel.description else "")


@friendly
def handle_channel_who(inv: Invocation):
    channel = channel_called(named(inv, "See who is on"))
    names = {session.character_id: session.character_name for session in list_sessions()}
    muted = [row.character_id for row in table_select("members", {"channel": channel.name, "muted": True}, limit=1000)]
    ops = {row.character_id for row in table_select("members", {"channel": channel.name, "op": True}, limit=1000)}
    everybody = list(dict.fromkeys([*list_listeners(stream_of(channel.name)), *muted]))
    here = [character_id for character_id in everybody if character_id in names]
    lines = [f"On {channel.name}:"]
    for character_id in here[:MOST_NAMES]:
        roles = [
            *(["owner"] if character_id == channel.owner_id else []),
            *(["operator"] if character_id in ops else []),
            *(["muted"] if character_id in muted else []),
        ]
        lines.append(names[character_id] + (f" ({', '.join(roles)})" if roles else ""))
    if len(here) > MOST_NAMES:
        lines.append(f"And {len(here) - MOST_NAMES} more.")
    if not here:
        lines = [f"Nobody who is connected is on {channel.name}."]
    away = len(everybody) - len(here)
    if away:
        lines.append("One more is not connected." if away == 1 else f"{away} more are not connected.")
    return lines + rulings_of(inv, channel)


def rulings_of(inv: Invocation, channel: Record) -> list[str]:
    """Who is silenced and banned, for those who may change it."""
    if rank_of_actor(inv, channel) < OP:
        return []
    lines = []
    for what in ("silenced", "banned"):
        rows = table_select("rulings", {"channel": channel.name, what: True}, limit=MOST_RULINGS + 1)
        names = [query_character(row.character_id).name for row in rows[:MOST_RULINGS]]
        if names:
            lines.append(f"{what.capitalize()}: {', '.join(names)}{' and more' if len(rows) > MOST_RULINGS else ''}.")
    return lines


@friendly
def handle_channel_history(inv: Invocation):
    channel = own_channel_called(inv, named(inv, "Read")).channel
    count = inv.args.get("count", str(USUAL_LINES))
    if not re.fullmatch(r"[0-9]{1,3}", count) or not 1 <= int(count) <= MOST_LINES:
        return f"How many lines? Give a number from 1 to {MOST_LINES}."
    # What was said on a channel of the same name that there was before is not for those who are on this one.
    since = table_get("channels", channel).created_at
    events = list_events(stream_of(channel), MOST_LINES)
    spoken = [event for event in events if event.type in SPOKEN and event.timestamp >= since]
    lines = last_that_fit([as_said(channel, event) for event in spoken[-int(count) :]])
    if not lines:
        return f"Nothing has been said on {channel} lately."
    begun = ago((inv.timestamp - spoken[-len(lines)].timestamp) // 1000)
    if len(lines) == 1:
        return [f"The last line on {channel}, from {begun}:", *lines]
    return [f"The last {len(lines)} lines on {channel}, the first from {begun}:", *lines]


def as_said(channel: str, event: Record) -> str:
    """A line as it was shown when it was said."""
    payload, start = event.payload, f"[[{channel}] {event.actor_name}"
    if event.type == "channel-say":
        return f'{start} says, "{payload.get("message", "")}"'
    return f"{start}{payload.get('space', '')}{payload.get('action', '')}"


def last_that_fit(lines: list[str]) -> list[str]:
    first, room = len(lines), LONGEST_HISTORY
    while first and len(lines[first - 1]) <= room:
        first -= 1
        room -= len(lines[first])
    return lines[first:]
