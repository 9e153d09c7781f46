"""What an admin does about one player: boot, role, newpassword, account."""

from asking import Refused, answering, counted, date, find_person, in_words, reason_in
from holomush_pdk import Invocation, Record, boot_session, emit_event, list_sessions, query_account, update_account

ROLES = {"player": "a player", "builder": "a builder", "admin": "an admin"}


@answering
def handle_boot(inv: Invocation):
    who = inv.args.get("who")
    if not who:
        return "Boot whom?"
    reason, person = reason_in(inv), find_person(inv, who)
    if person.id == inv.actor.id:
        return "You cannot boot yourself. Type QUIT to leave."
    if not person.connected:
        return f"{person.name} is not connected."
    boot_session(person.id, reason)
    return f"{person.name} is disconnected."


@answering
def handle_role(inv: Invocation):
    who = inv.args.get("who")
    if not who:
        return "Whose role?"
    person = find_person(inv, who)
    role = query_account(person.id).role
    return f"{person.name} is {ROLES.get(role, f'a {role}')}."


@answering
def handle_role_grant(inv: Invocation):
    who, role = inv.args.get("who"), inv.args.get("role", "").casefold()
    if not who:
        return "Make whom what? Type: role grant <person>=<builder or admin>"
    if role not in ROLES:
        return "There are the roles builder and admin. Type: role grant <person>=<role>"
    return give_role(inv, who, role)


@answering
def handle_role_revoke(inv: Invocation):
    who = inv.args.get("who")
    if not who:
        return "Whose role do you take away?"
    return give_role(inv, who, "player")


def give_role(inv: Invocation, who: str, role: str) -> str:
    person = find_person(inv, who)
    account = query_account(person.id)
    if any(one.id == inv.actor.id for one in account.characters):
        raise Refused("You cannot change what you may do yourself. Ask another admin.")
    if account.role == role:
        return f"{person.name} is {ROLES[role]} already."
    update_account(person.id, role=role)
    for one in account.characters:
        if one.connected:
            emit_event(f"character:{one.id}", "role-change", {"role": ROLES[role]})
    return f"{person.name} is {ROLES[role]} now."


@answering
def handle_newpassword(inv: Invocation):
    who, password = inv.args.get("who"), inv.args.get("password")
    if not who or not password:
        return "Whose password, and what is it to be? Type: newpassword <person>=<password>"
    person = find_person(inv, who)
    update_account(person.id, password=password)
    return f"{person.name} has a new password."


@answering
def handle_account(inv: Invocation):
    who = inv.args.get("who")
    if not who:
        return "Whose account?"
    person = find_person(inv, who)
    account = query_account(person.id)
    mine = {one.id for one in account.characters}
    return [
        f"Account: {account.name}",
        f"Role: {account.role}",
        f"Characters: {', '.join(one.name for one in account.characters)}",
        f"Created: {date(account.created_at)}",
        f"Last login: {'never' if account.last_login_at is None else date(account.last_login_at)}",
        f"Banned: {'no' if account.ban is None else account.ban or 'yes'}",
        *(connection(session) for session in list_sessions() if session.character_id in mine),
    ]


def connection(session: Record) -> str:
    connections = counted(session.connections, "connection")
    origin = ", ".join(session.addresses) or "an unknown address"
    return f"In play: {session.character_name}, {connections} from {origin}, idle for {in_words(session.idle_seconds)}"
