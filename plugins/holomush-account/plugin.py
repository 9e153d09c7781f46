"""preferences and their short forms, the password, and the characters of one player."""

from holomush_pdk import HostError, Invocation, add_character, query_account, switch_character, update_account
from holomush_pdk.matching import fitting, which_one
from settings import SETTINGS, Setting, named, spoken, taken_apart

PALETTE = (
    "Colours: [red]red[/], [green]green[/], [yellow]yellow[/], [blue]blue[/], [magenta]magenta[/], [cyan]cyan[/], "
    "[#ff8800]orange[/], [bold]bold[/], [underline]underlined[/]."
)
ACCENTS = "Letters with accents: é, ä, ñ."
# What shows that a choice is right.
SAMPLES = {"colour": PALETTE, "charset": ACCENTS}


def handle_preferences(inv: Invocation):
    change = inv.args.get("change")
    if not change:
        chosen = query_account(inv.actor.id).preferences
        return [*(shown(setting, chosen) for setting in SETTINGS), "To change one, type: preferences <name>=<value>"]
    name, value = taken_apart(change)
    setting = named(name)
    if setting is None:
        return f"There is no preference called {name}. There are {spoken([one.title.lower() for one in SETTINGS], 'and')}."
    return choose(inv, setting, value)


def handle_colour(inv: Invocation):
    return choose(inv, named("colour"), inv.args.get("value", ""))


def handle_width(inv: Invocation):
    return choose(inv, named("width"), inv.args.get("value", ""))


def handle_screen_reader(inv: Invocation):
    return choose(inv, named("screenreader"), inv.args.get("value", ""))


def handle_page_length(inv: Invocation):
    return choose(inv, named("pagelength"), inv.args.get("value", ""))


def choose(inv: Invocation, setting: Setting, typed: str):
    """Set it to what was typed, or show it if nothing was."""
    if not typed:
        return shown(setting, query_account(inv.actor.id).preferences)
    value = setting.read(typed)
    if value is None:
        return f"{setting.title} is {setting.choices}."
    update_account(inv.actor.id, preferences={setting.key: None if value == setting.default else value})
    line = f"{setting.title} is {value} now."
    return [line, SAMPLES[setting.key]] if setting.key in SAMPLES else line


def shown(setting: Setting, chosen: dict) -> str:
    return f"{setting.title}: {chosen.get(setting.key, setting.default)} (it may be {setting.choices})"


def handle_password(inv: Invocation):
    old, new = inv.args.get("old"), inv.args.get("new")
    if not old or not new:
        return "Type: password <old password>=<new password>"
    try:
        update_account(inv.actor.id, password=new, old_password=old)
    except HostError as error:
        if error.code not in ("invalid_argument", "conflict"):
            raise
        return sentence(error.message)
    return "Your password is changed."


def handle_list(inv: Invocation):
    characters = query_account(inv.actor.id).characters
    return ["Your characters:", *(line_of(one, inv.actor.id) for one in characters)]


def line_of(character: dict, played_id: str) -> str:
    if character["id"] == played_id:
        return f"{character['name']}, whom you play"
    return f"{character['name']}, in play" if character["connected"] else character["name"]


def handle_create(inv: Invocation):
    name = inv.args.get("name")
    if not name:
        return "What is your new character to be called? Type: character create <name>"
    try:
        made = add_character(inv.actor.id, name)
    except HostError as error:
        if error.code not in ("invalid_argument", "conflict"):
            raise
        return sentence(error.message)
    return f"You have a new character, {made.name}. To play it, type: character switch {made.name}"


def handle_switch(inv: Invocation):
    name = inv.args.get("name")
    if not name:
        return "Go on as whom? Type character list to see your characters."
    found = fitting(query_account(inv.actor.id).characters, name)
    if not found:
        return f"You have no character called {name}. Type character list to see yours."
    if len(found) > 1:
        return which_one(found)
    if found[0].id == inv.actor.id:
        return f"You are {inv.actor.name} already."
    switch_character(inv.session.id, found[0].id)
    return f"You go on as {found[0].name}."


def sentence(text: str) -> str:
    """With a capital and a full stop, if it has none."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
