package holomush

import (
	"strings"
	"unicode/utf8"

	"github.com/extism/go-pdk"
)

// Emit emits an event now. (Those in a Response are emitted when the handler has returned.)
func Emit(stream, kind string, payload Fields) error {
	return do(hostEmitEvent, asJSON{EmitEvent{stream, kind, payload}})
}

// ListEvents gives the last events of a stream, 100 at most, oldest first.
func ListEvents(stream string, limit int) ([]Event, error) {
	return ask[[]Event](hostListEvents, stream, asJSON{limit})
}

// Listen lets a character hear a channel: stream from now on, until Unlisten.
func Listen(stream, characterID string) error { return do(hostListen, stream, characterID) }

// Unlisten ends what Listen began: false if the character did not hear the stream.
func Unlisten(stream, characterID string) (bool, error) {
	return ask[bool](hostUnlisten, stream, characterID)
}

// ListListeners gives the ids of the characters who hear a channel: stream.
func ListListeners(stream string) ([]string, error) { return ask[[]string](hostListListeners, stream) }

// SetTimer lets the event timer come after so many seconds, with name and payload, on the stream plugin: and the plugin's
// name; after a restart of the server, too. A timer of the same name is replaced.
func SetTimer(name string, seconds int, payload Fields) error {
	return do(hostSetTimer, name, asJSON{seconds}, asJSON{payload})
}

// CancelTimer takes a timer back: false if there was none.
func CancelTimer(name string) (bool, error) { return ask[bool](hostCancelTimer, name) }

// QueryLocation gives a location with everybody and everything in it.
func QueryLocation(id string) (Location, error) { return ask[Location](hostQueryLocation, id) }

// QueryExit gives an exit.
func QueryExit(id string) (Exit, error) { return ask[Exit](hostQueryExit, id) }

// QueryObject gives an object with what is inside it.
func QueryObject(id string) (Object, error) { return ask[Object](hostQueryObject, id) }

// QueryCharacter gives a character with what it carries.
func QueryCharacter(id string) (Character, error) { return ask[Character](hostQueryCharacter, id) }

// Find gives what the character with the id near can mean by a name: nothing, one, or several if it is unclear. If near
// is empty the whole world is searched. Without kinds it looks for characters, objects and exits.
func Find(name, near string, kinds ...string) ([]Found, error) {
	if len(kinds) == 0 {
		kinds = []string{"character", "object", "exit"}
	}
	query := Fields{"name": name, "near": nil, "kinds": kinds}
	if near != "" {
		query["near"] = near
	}
	return ask[[]Found](hostFind, asJSON{query})
}

// CreateLocation makes a location with the ID, Name, Description and OwnerID of this one. If the ID is empty one is made up.
func CreateLocation(l Location) (Location, error) {
	fields := Fields{"name": l.Name, "description": l.Description, "owner_id": l.OwnerID}
	return ask[Location](hostCreateLocation, asJSON{fields.with("id", l.ID)})
}

// CreateExit makes an exit with the ID, Name, SourceID, DestinationID, Aliases and Lock of this one. If the ID is empty one
// is made up.
func CreateExit(e Exit) (Exit, error) {
	fields := Fields{"name": e.Name, "source_id": e.SourceID, "destination_id": e.DestinationID}
	fields["aliases"], fields["lock"] = append([]string{}, e.Aliases...), e.Lock
	return ask[Exit](hostCreateExit, asJSON{fields.with("id", e.ID)})
}

// CreateObject makes an object with the ID, Name, Description, OwnerID and Lock of this one, in a place. If the ID is empty
// one is made up.
func CreateObject(o Object, in Place) (Object, error) {
	fields := Fields{"name": o.Name, "description": o.Description, "owner_id": o.OwnerID, "place": in}
	return ask[Object](hostCreateObject, asJSON{fields.with("lock", o.Lock).with("id", o.ID)})
}

// CreateCharacter makes a character of the game's own with the Name, LocationID and Description of this one.
func CreateCharacter(c Character) (Character, error) {
	fields := Fields{"name": c.Name, "location_id": c.LocationID, "description": c.Description}
	return ask[Character](hostCreateCharacter, asJSON{fields})
}

// UpdateLocation changes name, description or owner_id of a location.
func UpdateLocation(id string, changes Fields) (Location, error) {
	return ask[Location](hostUpdateLocation, id, asJSON{changes})
}

// UpdateExit changes name, aliases, source_id, destination_id or lock of an exit.
func UpdateExit(id string, changes Fields) (Exit, error) {
	return ask[Exit](hostUpdateExit, id, asJSON{changes})
}

// UpdateObject changes name, description, owner_id or lock of an object.
func UpdateObject(id string, changes Fields) (Object, error) {
	return ask[Object](hostUpdateObject, id, asJSON{changes})
}

// UpdateCharacter changes description of a character, or name of one of the game's own.
func UpdateCharacter(id string, changes Fields) (Character, error) {
	return ask[Character](hostUpdateCharacter, id, asJSON{changes})
}

// MoveObject puts an object into a place.
func MoveObject(id string, to Place) error { return do(hostMoveObject, id, asJSON{to}) }

// MoveCharacter puts a character into a location.
func MoveCharacter(id, locationID string) error { return do(hostMoveCharacter, id, locationID) }

// DestroyLocation destroys a location that is empty and that no exit leads to.
func DestroyLocation(id string) error { return do(hostDestroyLocation, id) }

// DestroyExit destroys an exit.
func DestroyExit(id string) error { return do(hostDestroyExit, id) }

// DestroyObject destroys an object that holds nothing.
func DestroyObject(id string) error { return do(hostDestroyObject, id) }

// DestroyCharacter destroys a character that carries nothing and that nobody plays.
func DestroyCharacter(id string) error { return do(hostDestroyCharacter, id) }

// KVGet gives what the plugin keeps under a key: nil if there is nothing.
func KVGet(key string) (Bytes, error) { return ask[Bytes](hostKVGet, key) }

// KVSet keeps text or bytes under a key, for good.
func KVSet[T ~string | ~[]byte](key string, value T) error {
	text := string(value)
	if utf8.ValidString(text) && !strings.HasPrefix(text, `{"base64"`) {
		return do(hostKVSet, key, text)
	}
	return do(hostKVSet, key, asJSON{map[string][]byte{"base64": []byte(text)}})
}

// KVDelete forgets a key: false if there was none.
func KVDelete(key string) (bool, error) { return ask[bool](hostKVDelete, key) }

// KVList gives the plugin's keys that begin so, sorted.
func KVList(prefix string) ([]string, error) { return ask[[]string](hostKVList, prefix) }

// SetAttributes notes attributes of the plugin's schema on an entity, nil for their defaults; gives all of them there.
func SetAttributes(id string, values Fields) (Fields, error) {
	return ask[Fields](hostSetAttributes, id, asJSON{values})
}

// TableInsert adds a row to a table of the plugin's schema; gives it whole. A ULID key that is left out is made up.
func TableInsert(table string, row Fields) (Fields, error) {
	return ask[Fields](hostTableInsert, table, asJSON{row})
}

// TableGet gives the row with a key (Fields for one of several columns): nil if there is none.
func TableGet(table string, key any) (Fields, error) {
	return ask[Fields](hostTableGet, table, asJSON{key})
}

// TableSelect gives rows of a table.
func TableSelect(table string, query Query) ([]Fields, error) {
	if query.Limit == 0 {
		query.Limit = 100
	}
	query.Order = append([]string{}, query.Order...)
	return ask[[]Fields](hostTableSelect, table, asJSON{query})
}

// TableUpdate changes columns of the row with a key; gives it whole.
func TableUpdate(table string, key any, changes Fields) (Fields, error) {
	return ask[Fields](hostTableUpdate, table, asJSON{key}, asJSON{changes})
}

// TableDelete removes the row with a key: false if there was none.
func TableDelete(table string, key any) (bool, error) {
	return ask[bool](hostTableDelete, table, asJSON{key})
}

// HTTPGet asks a web server.
func HTTPGet(url string) (HTTPResponse, error) { return ask[HTTPResponse](hostHTTPGet, url) }

// HTTPPost sends a body to a web server.
func HTTPPost(url, body string) (HTTPResponse, error) {
	return ask[HTTPResponse](hostHTTPPost, url, body)
}

// ListSessions gives everybody in play.
func ListSessions() ([]Presence, error) { return ask[[]Presence](hostListSessions) }

// BootSession hangs up on everybody who plays a character, after telling them the reason.
func BootSession(characterID, reason string) error { return do(hostBootSession, characterID, reason) }

// SwitchCharacter lets the connection with that id (of an Invocation's Session) go on as another character of the same
// player.
func SwitchCharacter(sessionID, characterID string) error {
	return do(hostSwitchCharacter, sessionID, characterID)
}

// QueryAccount gives the account of the player whom a character belongs to.
func QueryAccount(characterID string) (Account, error) {
	return ask[Account](hostQueryAccount, characterID)
}

// UpdateAccount changes role, password, preferences or ban of the player whom a character belongs to. Of the preferences
// those change that are named, and nil takes one back to its default. The ban is a reason, or nil to let the player in again.
func UpdateAccount(characterID string, changes Fields) (Account, error) {
	return ask[Account](hostUpdateAccount, characterID, asJSON{changes})
}

// AddCharacter makes one more character for the player whom a character belongs to, where new ones begin.
func AddCharacter(characterID, name string) (Character, error) {
	return ask[Character](hostAddCharacter, characterID, name)
}

// BanAddress lets nobody in from an IP address, or from a network such as 192.0.2.0/24.
func BanAddress(address, reason string) error { return do(hostBanAddress, address, reason) }

// UnbanAddress takes a ban of an address or network back: false if there was none.
func UnbanAddress(address string) (bool, error) { return ask[bool](hostUnbanAddress, address) }

// ListBans gives those who are not let in.
func ListBans() (Bans, error) { return ask[Bans](hostListBans) }

// ListCommands gives the commands that whoever plays a character may use, of all plugins.
func ListCommands(characterID string) ([]Command, error) {
	return ask[[]Command](hostListCommands, characterID)
}

// ListTopics gives the help topics that whoever plays a character may read: those in which all of the words occur, or,
// if there are no words, all.
func ListTopics(characterID, words string) ([]Topic, error) {
	return ask[[]Topic](hostListTopics, characterID, words)
}

// ReadTopic gives the text of a plugin's help topic, for whoever plays a character.
func ReadTopic(characterID, plugin, topic string) (string, error) {
	return ask[string](hostReadTopic, characterID, plugin, topic)
}

// ServerStats gives figures about the server: version, uptime_seconds, sessions, commands, events_per_second and how much
// there is.
func ServerStats() (Fields, error) { return ask[Fields](hostServerStats) }

// ServerShutdown stops the server in good order, after telling everybody the reason.
func ServerShutdown(reason string) error { return do(hostServerShutdown, reason) }

// ListPlugins gives all plugins in load order.
func ListPlugins() ([]Plugin, error) { return ask[[]Plugin](hostListPlugins) }

// EnablePlugin switches a plugin on.
func EnablePlugin(name string) error { return do(hostEnablePlugin, name) }

// DisablePlugin switches a plugin off, over a restart too. One that others depend on stays on.
func DisablePlugin(name string) error { return do(hostDisablePlugin, name) }

// ExportWorld writes the world into a file of the server.
func ExportWorld(name string) (WorldFile, error) { return ask[WorldFile](hostExportWorld, name) }

// ImportWorld reads a file that ExportWorld has written.
func ImportWorld(name string) (WorldImport, error) { return ask[WorldImport](hostImportWorld, name) }

// Log writes a line to the server's log; levels are debug, info, warn and error.
func Log(level, message string) { _ = do(hostLog, level, message) }

// Config gives a setting from the plugin's manifest: the fallback if it is missing or empty.
func Config(key, fallback string) string {
	if value, found := pdk.GetConfig(key); found {
		return value
	}
	return fallback
}
