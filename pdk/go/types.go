package holomush

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Fields is a JSON object: a payload, attributes, a row of a table, changes. Numbers in it are json.Number.
type Fields map[string]any

// Event is something that has happened. Timestamp is in milliseconds since 1970.
type Event struct {
	ID        string `json:"id"`
	Stream    string `json:"stream"`
	Type      string `json:"type"`
	Timestamp int64  `json:"timestamp"`
	ActorKind string `json:"actor_kind"` // "character", "system" or "plugin"
	ActorID   string `json:"actor_id"`
	ActorName string `json:"actor_name"`
	Payload   Fields `json:"payload"`
}

// Invocation is a command that somebody has typed: Args is what its pattern matched, Raw the whole line.
type Invocation struct {
	Command   string            `json:"command"`
	Handler   string            `json:"handler"`
	Args      map[string]string `json:"args"`
	Raw       string            `json:"raw"`
	Actor     Character         `json:"actor"`
	Location  Location          `json:"location"`
	Session   Session           `json:"session"`
	Timestamp int64             `json:"timestamp"`
}

// EmitEvent is an event to be emitted with a handler's answer, in Response.Events.
type EmitEvent struct {
	Stream  string `json:"stream"`
	Type    string `json:"type"`
	Payload Fields `json:"payload"`
}

// Response is a handler's whole answer. Handled is nil for what is usual: true for commands, false for events.
type Response struct {
	Output  []string    `json:"output,omitempty"`
	Events  []EmitEvent `json:"events,omitempty"`
	Handled *bool       `json:"handled,omitempty"`
}

// Text is a Response with these lines for the player.
func Text(lines ...string) Response { return Response{Output: lines} }

// Location is a place. Characters, Objects and Exits are there in an answer of QueryLocation only.
type Location struct {
	Kind        string      `json:"kind"`
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Description string      `json:"description"`
	OwnerID     *string     `json:"owner_id"`
	Attributes  Fields      `json:"attributes,omitzero"`
	Characters  []Character `json:"characters,omitzero"`
	Objects     []Object    `json:"objects,omitzero"`
	Exits       []Exit      `json:"exits,omitzero"`
}

// Exit is a way from one location to another.
type Exit struct {
	Kind          string   `json:"kind"`
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Aliases       []string `json:"aliases"`
	SourceID      string   `json:"source_id"`
	DestinationID string   `json:"destination_id"`
	Lock          string   `json:"lock"`
	Attributes    Fields   `json:"attributes,omitzero"`
}

// Object is a thing. It is in one of three places. Objects is what is inside it, in an answer of QueryObject only. What a
// Lock means is for plugins to say.
type Object struct {
	Kind        string   `json:"kind"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	OwnerID     *string  `json:"owner_id"`
	Lock        string   `json:"lock"`
	LocationID  *string  `json:"location_id"`
	CharacterID *string  `json:"character_id"`
	ContainerID *string  `json:"container_id"`
	Attributes  Fields   `json:"attributes,omitzero"`
	Objects     []Object `json:"objects,omitzero"`
}

// Character is somebody. Objects is what it carries, in an answer of QueryCharacter only.
type Character struct {
	Kind        string   `json:"kind"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	LocationID  string   `json:"location_id"`
	Connected   bool     `json:"connected"`
	Attributes  Fields   `json:"attributes,omitzero"`
	Objects     []Object `json:"objects,omitzero"`
}

// Found is one thing that Find has found. Decode gives all of it, as what its Kind says.
type Found struct {
	Kind, ID, Name string
	whole          json.RawMessage
}

// Session is the connection that a command came through. ConnectedAt is in milliseconds since 1970, Width in columns.
type Session struct {
	ID           string `json:"id,omitzero"`
	ConnectedAt  int64  `json:"connected_at,omitzero"`
	Access       string `json:"access,omitzero"` // "guest", "player", "builder" or "admin"
	Width        int    `json:"width,omitzero"`
	ScreenReader bool   `json:"screen_reader"`
}

// Presence is a character in play. ConnectedAt is in milliseconds since 1970. Addresses are there only for a plugin with
// the capability session:addresses.
type Presence struct {
	CharacterID   string   `json:"character_id"`
	CharacterName string   `json:"character_name"`
	Access        string   `json:"access"` // "guest", "player", "builder" or "admin"
	ConnectedAt   int64    `json:"connected_at"`
	IdleSeconds   float64  `json:"idle_seconds"`
	Connections   int      `json:"connections"`
	Addresses     []string `json:"addresses,omitzero"`
	Attributes    Fields   `json:"attributes,omitzero"`
}

// Account is that of a player. Times are in milliseconds since 1970. Ban is the reason why the player is not let in.
type Account struct {
	Name        string             `json:"name"`
	Role        string             `json:"role"` // "guest", "player", "builder" or "admin"
	CreatedAt   int64              `json:"created_at"`
	LastLoginAt *int64             `json:"last_login_at"`
	Characters  []AccountCharacter `json:"characters"`
	Preferences Fields             `json:"preferences"`
	Ban         *string            `json:"ban"`
}

// AccountCharacter is one of a player's characters.
type AccountCharacter struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Connected bool   `json:"connected"`
}

// Bans are those who are not let in.
type Bans struct {
	Addresses []AddressBan `json:"addresses"`
	Accounts  []AccountBan `json:"accounts"`
}

// AddressBan is that of an IP address or network. CreatedAt is in milliseconds since 1970.
type AddressBan struct {
	Address   string `json:"address"`
	Reason    string `json:"reason"`
	CreatedAt int64  `json:"created_at"`
}

// AccountBan is that of a player.
type AccountBan struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Plugin is a plugin, as the operator sees it. NeededBy has the names of those that depend on it.
type Plugin struct {
	Name          string   `json:"name"`
	Version       string   `json:"version"`
	Description   string   `json:"description"`
	Language      string   `json:"language"`
	Enabled       bool     `json:"enabled"`
	PausedSeconds float64  `json:"paused_seconds"`
	Calls         int64    `json:"calls"`
	Failures      int64    `json:"failures"`
	P50MS         float64  `json:"p50_ms"`
	P95MS         float64  `json:"p95_ms"`
	MemoryBytes   int64    `json:"memory_bytes"`
	Instances     int      `json:"instances"`
	NeededBy      []string `json:"needed_by"`
}

// WorldFile is a file of the server with a world, and how much of everything is in it.
type WorldFile struct {
	Path       string `json:"path"`
	Locations  int    `json:"locations"`
	Exits      int    `json:"exits"`
	Objects    int    `json:"objects"`
	Characters int    `json:"characters"`
}

// WorldImport is what came of reading a WorldFile.
type WorldImport struct {
	WorldFile
	Created  int      `json:"created"`
	Updated  int      `json:"updated"`
	Warnings []string `json:"warnings"`
}

// Command is a command, for help. Words is what a line begins with, Prefix one character that may stand for it.
type Command struct {
	Plugin            string   `json:"plugin"`
	PluginDescription string   `json:"plugin_description"`
	Name              string   `json:"name"`
	Words             string   `json:"words"`
	Usage             string   `json:"usage"`
	Description       string   `json:"description"`
	Aliases           []string `json:"aliases"`
	Prefix            *string  `json:"prefix"`
	Access            string   `json:"access"` // "guest", "player", "builder" or "admin"
}

// Topic is a help topic; its text is what ReadTopic gives.
type Topic struct {
	Plugin string `json:"plugin"`
	Topic  string `json:"topic"`
	Title  string `json:"title"`
}

// Place is where an object is put: give one of the three ids.
type Place struct {
	Location  string `json:"location,omitempty"`
	Character string `json:"character,omitempty"`
	Container string `json:"container,omitempty"`
}

// Query says which rows of a table: columns and what they equal, or Fields{">=": 5, "<": 10}; Order has columns, with
// "-" before those that go downwards. Limit 0 is 100.
type Query struct {
	Where  Fields   `json:"where"`
	Order  []string `json:"order"`
	Limit  int      `json:"limit"`
	Offset int      `json:"offset"`
}

// HTTPResponse is what a web server has answered. The names in Headers are in small letters.
type HTTPResponse struct {
	Status  int               `json:"status"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    Bytes             `json:"body"`
}

// Bytes are any bytes. As JSON they are text, or {"base64": ...} if they are not UTF-8.
type Bytes []byte

// Error is the server's no. Code is capability_denied, invalid_argument, not_found, conflict, rate_limited, too_large,
// timeout or unavailable.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	stack   []uintptr
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Decode reads all of what was found into a *Location, *Exit, *Object or *Character.
func (f Found) Decode(into any) error { return decode(f.whole, into) }

func (f Found) MarshalJSON() ([]byte, error) { return f.whole, nil }

func (f *Found) UnmarshalJSON(data []byte) error {
	type plain Found
	f.whole = bytes.Clone(data)
	return json.Unmarshal(data, (*plain)(f))
}

func (f Fields) MarshalJSON() ([]byte, error) {
	if f == nil { // an empty object all the same
		return []byte("{}"), nil
	}
	return json.Marshal(map[string]any(f))
}

// with adds a field that the server makes up if it is not there: not if it is empty.
func (f Fields) with(name, value string) Fields {
	if value != "" {
		f[name] = value
	}
	return f
}

func (b Bytes) MarshalJSON() ([]byte, error) {
	switch {
	case b == nil:
		return []byte("null"), nil
	case utf8.Valid(b):
		return json.Marshal(string(b))
	}
	return json.Marshal(map[string][]byte{"base64": b})
}

func (b *Bytes) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err == nil {
		if text != nil {
			*b = Bytes(*text)
		}
		return nil
	}
	var packed struct{ Base64 []byte }
	err := json.Unmarshal(data, &packed)
	*b = packed.Base64
	return err
}
