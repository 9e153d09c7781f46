"""ban and unban: players, addresses and networks that are not let in."""

import ipaddress
import re

from asking import answering, date, find_person, reason_in, with_reason
from holomush_pdk import (
    HostError,
    Invocation,
    Record,
    ban_address,
    boot_session,
    list_bans,
    list_sessions,
    query_account,
    unban_address,
    update_account,
)

MOST_BOOTED = 200
"""Whom one call hangs up on. It may make 256 host calls."""

NUMBERS = re.compile(r"[0-9.]+(/[0-9]+)?")


@answering
def handle_ban(inv: Invocation):
    whom, reason = inv.args.get("whom"), reason_in(inv)
    if not whom:
        return handle_bans()
    return ban_network(inv, whom, reason) if is_address(whom) else ban_player(inv, whom, reason)


@answering
def handle_unban(inv: Invocation):
    whom = inv.args.get("whom")
    if not whom:
        return "Whose ban do you take back?"
    if is_address(whom):
        return f"{whom} may come in again." if unban_address(whom) else f"{whom} is not banned."
    person = find_person(inv, whom)
    if query_account(person.id).ban is None:
        return f"{person.name} is not banned."
    update_account(person.id, ban=None)
    return f"{person.name} may come in again."


def ban_player(inv: Invocation, whom: str, reason: str):
    person = find_person(inv, whom)
    account = query_account(person.id)
    if any(one.id == inv.actor.id for one in account.characters):
        return "You cannot ban yourself."
    if account.role == "guest":
        return (
            f"{person.name} is a guest, and gone after leaving. Ban the address: {', '.join(addresses_of(person.id)) or 'unknown'}."
        )
    update_account(person.id, ban=reason)
    there = [one for one in account.characters if one.connected]
    return [with_reason(f"{person.name} is banned", reason), *hang_up(there, reason)]


def ban_network(inv: Invocation, whom: str, reason: str):
    try:
        network = ipaddress.ip_network(whom.strip(), strict=False)
    except ValueError:
        return f"{whom} is no address. Use one such as 192.0.2.7, or a network such as 192.0.2.0/24."
    there = [session for session in list_sessions() if any(is_in(address, network) for address in session.addresses)]
    if any(session.character_id == inv.actor.id for session in there):
        return "You come from there yourself."
    ban_address(whom, reason)
    people = [Record(id=session.character_id, name=session.character_name) for session in there]
    return [with_reason(f"Nobody from {whom} is let in any more", reason), *hang_up(people, reason)]


def hang_up(people: list[Record], reason: str) -> list[str]:
    """Hang up on those who have just been banned; gives the line that tells so, if there are any."""
    names = []
    for person in people[:MOST_BOOTED]:
        try:
            boot_session(person.id, f"you are banned ({reason})" if reason else "you are banned")
        except HostError as error:
            if error.code != "not_found":
                raise
        else:
            names.append(person.name)
    lines = [f"Disconnected: {', '.join(names)}"] if names else []
    if len(people) > MOST_BOOTED:
        lines.append(f"{len(people) - MOST_BOOTED} more are still here. Type the same again.")
    return lines


def handle_bans() -> list[str]:
    banned = list_bans()
    lines = [f"{ban.name}: {ban.reason or 'no reason given'}" for ban in map(Record, banned["accounts"])]
    lines += [
        f"{ban.address}: {ban.reason or 'no reason given'}, since {date(ban.created_at)}"
        for ban in map(Record, banned["addresses"])
    ]
    return ["Banned:", *lines] if lines else ["Nobody is banned."]


def is_address(text: str) -> bool:
    """Names have no colon, and begin with a letter."""
    return ":" in text or NUMBERS.fullmatch(text) is not None


def is_in(address: str, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        asked = ipaddress.ip_address(address)
    except ValueError:
        return False  # of a connection that has none
    return (getattr(asked, "ipv4_mapped", None) or asked) in network


def addresses_of(character_id: str) -> list[str]:
    return [address for session in list_sessions() if session.character_id == character_id for address in session.addresses]
