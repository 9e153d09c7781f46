"""Which channels there are, who is on them, and who may do what there."""

from answers import Sorry
from holomush_pdk import Invocation, Record, listen, table_delete, table_get, table_insert, table_select, unlisten
from holomush_pdk.markup import typed
from holomush_pdk.matching import which_one
from naming import channel_key

MOST_CHANNELS = 500
MOST_JOINED = 50
# How much somebody may do on a channel. Who has no rank is an ordinary member, or none.
OP, OWNER, ADMIN = 1, 2, 3
BEYOND_ALL_LETTERS = "\U0010ffff"


def stream_of(channel: str) -> str:
    return f"channel:{channel}"


def key_of(character_id: str, channel: str) -> dict[str, str]:
    """The key of a row about somebody on a channel."""
    return {"character_id": character_id, "channel": channel}


# Channels


def all_channels(start: str = "") -> list[Record]:
    """Every channel whose name begins so, in the order of their names."""
    where = {"deleted": False, "name": {">=": start, "<": start + BEYOND_ALL_LETTERS}}
    return table_select("channels", where, order="name", limit=MOST_CHANNELS)


def channel_with(key: str) -> Record | None:
    """The channel that has just this name."""
    channel = table_get("channels", key) if key else None
    return None if channel is None or channel.deleted else channel


def channel_called(name: str) -> Record:
    """The channel that a name, or the beginning of one, means."""
    key = channel_key(name)
    channel = channel_with(key)
    if channel is not None:
        return channel
    found = all_channels(key)
    if not found:
        raise Sorry(f"There is no channel called {typed(name)}. Type channel list to see which there are.")
    if len(found) > 1:
        raise Sorry(which_one(found))
    return found[0]


def own_channel_called(inv: Invocation, name: str) -> Record:
    """The membership of the actor in the channel that a name, or its beginning, means; those that they are on come first."""
    found = own_channels_called(inv, name)
    if len(found) > 1:
        raise Sorry(which_one([{"name": member.channel} for member in found]))
    if found:
        return found[0]
    raise not_on(channel_called(name).name)


def not_on(channel: str) -> Sorry:
    return Sorry(f"You are not on {channel}. Type channel join {channel} to join it.")


def own_channels_called(inv: Invocation, name: str) -> list[Record]:
    """The memberships of the actor that a name fits: a whole name, or else beginnings.

    The whole name of a channel that they are not on fits none: what is meant for it must not go to another.
    """
    key = channel_key(name)
    exact = membership(inv.actor.id, key)
    if exact is not None:
        return [exact]
    if channel_with(key) is not None:
        return []
    return [member for member in memberships(inv.actor.id) if member.channel.startswith(key)]


# Members


def membership(character_id: str, channel: str) -> Record | None:
    return table_get("members", key_of(character_id, channel)) if channel else None


def memberships(character_id: str) -> list[Record]:
    """What somebody is on, in the order of the channels' names."""
    return table_select("members", {"character_id": character_id}, order="channel", limit=MOST_JOINED)


def add_member(character_id: str, channel: str) -> None:
    table_insert("members", **key_of(character_id, channel))
    listen(stream_of(channel), character_id)


def remove_member(character_id: str, channel: str) -> None:
    table_delete("members", key_of(character_id, channel))
    unlisten(stream_of(channel), character_id)


def rulings_on(character_id: str, channel: str) -> Record:
    """Whether somebody is banned from a channel or silenced there."""
    return table_get("rulings", key_of(character_id, channel)) or Record(banned=False, silenced=False)


# Who may do what


def rank_of(character_id: str, channel: Record) -> int:
    if character_id == channel.owner_id:
        return OWNER
    member = membership(character_id, channel.name)
    return OP if member is not None and member.op else 0


def rank_of_actor(inv: Invocation, channel: Record) -> int:
    return ADMIN if inv.session.access == "admin" else rank_of(inv.actor.id, channel)


def require(inv: Invocation, channel: Record, least: int) -> None:
    if rank_of_actor(inv, channel) >= least:
        return
    who = "Only the owner" if least == OWNER else "Only the owner and the operators"
    raise Sorry(f"{who} of {channel.name} may do that.")
