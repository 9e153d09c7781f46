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

// QueryLocation gives a location with everybody and everything in it.
func QueryLocation(id string) (Location, error) { return ask[Location](hostQueryLocation, id) }

// QueryExit gives an exit.
func QueryExit(id string) (Exit, error) { return ask[Exit](hostQueryExit, id) }

// QueryObject gives an object with what is inside it.
func QueryObject(id string) (Object, error) { return ask[Object](hostQueryObject, id) }

// QueryCharacter gives a character with what it carries.
func QueryCharacter(id string) (Character, error) { return ask[Character](hostQueryCharacter, id) }

// Find gives what the character with the id near can mean by a name: nothing, one, or several if it is unclear. Without
// kinds it looks for characters, objects and exits.
func Find(name, near string, kinds ...string) ([]Found, error) {
	if len(kinds) == 0 {
		kinds = []string{"character", "object", "exit"}
	}
	return ask[[]Found](hostFind, asJSON{Fields{"name": name, "near": near, "kinds": kinds}})
}

// CreateLocation makes a location with the Name, Description and OwnerID of this one.
func CreateLocation(l Location) (Location, error) {
	fields := Fields{"name": l.Name, "description": l.Description, "owner_id": l.OwnerID}
	return ask[Location](hostCreateLocation, asJSON{fields})
}

// CreateExit makes an exit with the Name, SourceID, DestinationID, Aliases and Lock of this one.
func CreateExit(e Exit) (Exit, error) {
	fields := Fields{"name": e.Name, "source_id": e.SourceID, "destination_id": e.DestinationID}
	fields["aliases"], fields["lock"] = append([]string{}, e.Aliases...), e.Lock
	return ask[Exit](hostCreateExit, asJSON{fields})
}

// CreateObject makes an object with the Name, Description and OwnerID of this one, in a place.
func CreateObject(o Object, in Place) (Object, error) {
	fields := Fields{"name": o.Name, "description": o.Description, "owner_id": o.OwnerID, "place": in}
	return ask[Object](hostCreateObject, asJSON{fields})
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

// UpdateObject changes name, description or owner_id of an object.
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

// ServerStats gives figures about the server: version, uptime_seconds, sessions and how much there is of everything.
func ServerStats() (Fields, error) { return ask[Fields](hostServerStats) }

// ServerShutdown stops the server in good order, after telling everybody the reason.
func ServerShutdown(reason string) error { return do(hostServerShutdown, reason) }

// Log writes a line to the server's log; levels are debug, info, warn and error.
func Log(level, message string) { _ = do(hostLog, level, message) }

// Config gives a setting from the plugin's manifest: the fallback if it is missing or empty.
func Config(key, fallback string) string {
	if value, found := pdk.GetConfig(key); found {
		return value
	}
	return fallback
}
