"""Owns the tables of the core, as migrations. Never change one that was released: add the next.

Times are milliseconds since 1970 in UTC, ids are ULIDs as text, ``name_key`` is the name as it is compared (the room
that owns the name folds it). Tables are STRICT, so a value of the wrong type is refused instead of stored.

While the server runs, memory holds the world and the file follows. So the file never deletes or moves a row by itself:
foreign keys have no CASCADE, and a unit of writes that would leave a row pointing at nothing fails with
``StorageError``. They are DEFERRED: the check is at the commit, so a unit may write its rows in any order. The one
exception is ``owner_id``, which names a character that may be deleted before what it owns: ON DELETE SET NULL, that is,
owned by nobody. Only keys that are looked up often have an index; deleting a location scans the tables that refer to
it, which takes milliseconds, so that moving, which happens all the time, has no index to keep.
"""

from holomush.database.migrations import CORE, Migration

_PLAYERS = """
CREATE TABLE players (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    password_hash TEXT, -- NULL: nobody can log in with a password, such as a guest
    role TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT
"""

_LOCATIONS = """
CREATE TABLE locations (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    owner_id TEXT REFERENCES characters (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED
) STRICT
"""

_CHARACTERS = """
CREATE TABLE characters (
    id TEXT PRIMARY KEY NOT NULL,
    player_id TEXT NOT NULL REFERENCES players (id) DEFERRABLE INITIALLY DEFERRED,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL DEFAULT '',
    location_id TEXT NOT NULL REFERENCES locations (id) DEFERRABLE INITIALLY DEFERRED,
    created_at INTEGER NOT NULL,
    seen_sequence INTEGER NOT NULL DEFAULT 0 -- the last event its player saw before going away
) STRICT
"""

_EXITS = """
CREATE TABLE exits (
    id TEXT PRIMARY KEY NOT NULL,
    source_id TEXT NOT NULL REFERENCES locations (id) DEFERRABLE INITIALLY DEFERRED,
    destination_id TEXT NOT NULL REFERENCES locations (id) DEFERRABLE INITIALLY DEFERRED,
    name TEXT NOT NULL,
    aliases TEXT NOT NULL DEFAULT '[]' CHECK (json_type(aliases) = 'array'),
    lock TEXT NOT NULL DEFAULT ''
) STRICT
"""

_OBJECTS = """
CREATE TABLE objects (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    owner_id TEXT REFERENCES characters (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    location_id TEXT REFERENCES locations (id) DEFERRABLE INITIALLY DEFERRED,
    character_id TEXT REFERENCES characters (id) DEFERRABLE INITIALLY DEFERRED,
    container_id TEXT REFERENCES objects (id) DEFERRABLE INITIALLY DEFERRED,
    CHECK ((location_id IS NOT NULL) + (character_id IS NOT NULL) + (container_id IS NOT NULL) = 1)
) STRICT
"""

# The server numbers the events, in the order of the commit. The id has no UNIQUE: no query looks for it, a ULID made
# here does not repeat, and the index costs 10 to 20 % of the time and 16 % of the bytes of every event.
_EVENTS = """
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    stream TEXT NOT NULL,
    type TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    payload TEXT NOT NULL -- JSON object; unchecked here, because the one writer makes it
) STRICT
"""

_KV = """
CREATE TABLE kv (
    plugin TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (plugin, key)
) STRICT, WITHOUT ROWID
"""

_SETTINGS = """
CREATE TABLE settings (
    key TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""

# Guests come and go: deleting a character or a player must not scan every object.
_INDEXES = (
    "CREATE INDEX characters_by_player ON characters (player_id)",
    "CREATE INDEX locations_by_owner ON locations (owner_id) WHERE owner_id IS NOT NULL",
    "CREATE INDEX objects_by_owner ON objects (owner_id) WHERE owner_id IS NOT NULL",
    "CREATE INDEX objects_by_character ON objects (character_id) WHERE character_id IS NOT NULL",
    "CREATE INDEX events_by_stream ON events (stream, sequence)",
)

# What plugins note on entities. No foreign key: the id may be of four tables; whoever deletes the entity deletes these.
_ATTRIBUTES = """
CREATE TABLE attributes (
    entity_id TEXT NOT NULL,
    plugin TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL CHECK (json_valid(value)),
    PRIMARY KEY (entity_id, plugin, name)
) STRICT, WITHOUT ROWID
"""

# What each plugin's tables and attributes are like, to be compared with what its manifest says at the next start.
_PLUGIN_SCHEMAS = """
CREATE TABLE plugin_schemas (
    plugin TEXT PRIMARY KEY NOT NULL,
    version TEXT NOT NULL,
    schema TEXT NOT NULL CHECK (json_valid(schema))
) STRICT, WITHOUT ROWID
"""

# The player of the game's own characters (world.model.GAME_PLAYER_ID). Its name is none that a player could choose.
_GAME_PLAYER = (
    "INSERT INTO players (id, name, name_key, role, created_at)"
    " VALUES ('00000000000000000000000000', '*game*', '*game*', 'player', 0)"
)

# What a player has chosen, as JSON: only what differs from the defaults. ``ban`` is the reason why they are not let in.
_PREFERENCES = "ALTER TABLE players ADD COLUMN preferences TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(preferences))"
_BAN = "ALTER TABLE players ADD COLUMN ban TEXT"

_OBJECT_LOCK = "ALTER TABLE objects ADD COLUMN lock TEXT NOT NULL DEFAULT ''"

# Addresses and networks that nobody may come from.
_ADDRESS_BANS = """
CREATE TABLE address_bans (
    address TEXT PRIMARY KEY NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

# Who hears which channel. No foreign key: whoever deletes the character deletes these.
_LISTENERS = """
CREATE TABLE listeners (
    stream TEXT NOT NULL,
    character_id TEXT NOT NULL,
    since INTEGER NOT NULL, -- the number of the last event before they began to listen
    PRIMARY KEY (stream, character_id)
) STRICT, WITHOUT ROWID
"""

_TIMERS = """
CREATE TABLE timers (
    plugin TEXT NOT NULL,
    name TEXT NOT NULL,
    due INTEGER NOT NULL,
    payload TEXT NOT NULL CHECK (json_valid(payload)),
    PRIMARY KEY (plugin, name)
) STRICT, WITHOUT ROWID
"""

# What players come back with who lost their connection. No foreign key: whoever deletes the character deletes these.
_RESUME_TOKENS = """
CREATE TABLE resume_tokens (
    digest TEXT PRIMARY KEY NOT NULL,
    session_id TEXT NOT NULL,
    character_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL -- 0: the connection is still there
) STRICT, WITHOUT ROWID
"""

CORE_MIGRATIONS = (
    Migration(
        CORE,
        "0001-core-tables",
        tuple(
            (sql, ())
            for sql in (
                *(_PLAYERS, _LOCATIONS, _CHARACTERS, _EXITS, _OBJECTS, _EVENTS, _KV, _SETTINGS),
                *_INDEXES,
            )
        ),
    ),
    Migration(CORE, "0002-what-plugins-keep", ((_ATTRIBUTES, ()), (_PLUGIN_SCHEMAS, ()), (_GAME_PLAYER, ()))),
    Migration(
        CORE,
        "0003-accounts-channels-timers",
        tuple((sql, ()) for sql in (_PREFERENCES, _BAN, _OBJECT_LOCK, _ADDRESS_BANS, _LISTENERS, _TIMERS)),
    ),
    Migration(CORE, "0004-resume-tokens", ((_RESUME_TOKENS, ()),)),
)
