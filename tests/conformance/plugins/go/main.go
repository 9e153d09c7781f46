// The plugin "everything": it calls every function of the server, and fails in every way.
package main

import (
	"encoding/json"
	"errors"
	"strings"

	holomush "github.com/holomush/holomush/pdk/go"
)

//go:wasmexport handle_event
func handleEvent() int32 {
	return holomush.OnEvent(func(event holomush.Event) error {
		if event.Type == "fail" {
			panic("it is broken")
		}
		return holomush.Emit(event.Stream, "mirrored", holomush.Fields{
			"id": event.ID, "stream": event.Stream, "type": event.Type, "timestamp": event.Timestamp,
			"actor_kind": event.ActorKind, "actor_id": event.ActorID, "actor_name": event.ActorName,
			"payload": event.Payload,
		})
	})
}

//go:wasmexport mirror
func mirror() int32 {
	return holomush.OnCommand(func(inv holomush.Invocation) (holomush.Response, error) { return show(inv, nil) })
}

//go:wasmexport speak
func speak() int32 {
	return holomush.OnCommand(func(inv holomush.Invocation) (holomush.Response, error) {
		switch inv.Args["form"] {
		case "text":
			return holomush.Text("one line"), nil
		case "lines":
			return holomush.Text("one", "two"), nil
		case "events":
			spoken := holomush.EmitEvent{
				Stream: "location:" + inv.Location.ID, Type: "spoken", Payload: holomush.Fields{"n": 1},
			}
			return holomush.Response{Output: []string{"done"}, Events: []holomush.EmitEvent{spoken}}, nil
		case "unhandled":
			return holomush.Response{Handled: new(bool)}, nil
		case "error":
			return holomush.Response{}, errors.New("it went wrong")
		case "fail":
			panic("it is broken")
		case "deep":
			return holomush.Text(string(rune(deep(1)))), nil
		}
		return holomush.Response{}, nil // "nothing"
	})
}

//go:wasmexport ask
func ask() int32 {
	return holomush.OnCommand(func(inv holomush.Invocation) (holomush.Response, error) {
		var with arguments
		decoder := json.NewDecoder(strings.NewReader(inv.Args["with"]))
		decoder.UseNumber()
		if err := decoder.Decode(&with); err != nil {
			return holomush.Response{}, err
		}
		value, err := call(inv.Args["function"], with)
		if refused := (*holomush.Error)(nil); errors.As(err, &refused) {
			return holomush.Text("refused: " + refused.Code + ": " + refused.Message), nil
		}
		return show(value, err)
	})
}

// arguments are those of all functions together.
type arguments struct {
	holomush.Place
	ID            string          `json:"id"`
	Stream        string          `json:"stream"`
	Type          string          `json:"type"`
	Payload       holomush.Fields `json:"payload"`
	Name          string          `json:"name"`
	Near          string          `json:"near"`
	Kinds         []string        `json:"kinds"`
	Description   string          `json:"description"`
	OwnerID       *string         `json:"owner_id"`
	SourceID      string          `json:"source_id"`
	DestinationID string          `json:"destination_id"`
	Aliases       []string        `json:"aliases"`
	Lock          string          `json:"lock"`
	LocationID    string          `json:"location_id"`
	CharacterID   string          `json:"character_id"`
	Changes       holomush.Fields `json:"changes"`
	Key           json.RawMessage `json:"key"`
	Value         holomush.Bytes  `json:"value"`
	Prefix        string          `json:"prefix"`
	Values        holomush.Fields `json:"values"`
	Table         string          `json:"table"`
	Row           holomush.Fields `json:"row"`
	Where         holomush.Fields `json:"where"`
	Order         []string        `json:"order"`
	Limit         int             `json:"limit"`
	Offset        int             `json:"offset"`
	URL           string          `json:"url"`
	Body          string          `json:"body"`
	Reason        string          `json:"reason"`
	Words         string          `json:"words"`
	Plugin        string          `json:"plugin"`
	Topic         string          `json:"topic"`
	SessionID     string          `json:"session_id"`
	Seconds       int             `json:"seconds"`
	Address       string          `json:"address"`
	Level         string          `json:"level"`
	Message       string          `json:"message"`
}

func call(function string, with arguments) (any, error) {
	var key string
	_ = json.Unmarshal(with.Key, &key) // a table's key may be anything
	switch function {
	case "emit_event":
		return nil, holomush.Emit(with.Stream, with.Type, with.Payload)
	case "list_events":
		if with.Limit == 0 {
			with.Limit = 20
		}
		return holomush.ListEvents(with.Stream, with.Limit)
	case "listen":
		return nil, holomush.Listen(with.Stream, with.CharacterID)
	case "unlisten":
		return holomush.Unlisten(with.Stream, with.CharacterID)
	case "list_listeners":
		return holomush.ListListeners(with.Stream)
	case "set_timer":
		return nil, holomush.SetTimer(with.Name, with.Seconds, with.Payload)
	case "cancel_timer":
		return holomush.CancelTimer(with.Name)
	case "query_location":
		return holomush.QueryLocation(with.ID)
	case "query_exit":
		return holomush.QueryExit(with.ID)
	case "query_object":
		return holomush.QueryObject(with.ID)
	case "query_character":
		return holomush.QueryCharacter(with.ID)
	case "find":
		return holomush.Find(with.Name, with.Near, with.Kinds...)
	case "create_location":
		return holomush.CreateLocation(holomush.Location{
			ID: with.ID, Name: with.Name, Description: with.Description, OwnerID: with.OwnerID,
		})
	case "create_exit":
		return holomush.CreateExit(holomush.Exit{
			ID: with.ID, Name: with.Name, SourceID: with.SourceID, DestinationID: with.DestinationID,
			Aliases: with.Aliases, Lock: with.Lock,
		})
	case "create_object":
		return holomush.CreateObject(holomush.Object{
			ID: with.ID, Name: with.Name, Description: with.Description, OwnerID: with.OwnerID, Lock: with.Lock,
		}, with.Place)
	case "create_character":
		return holomush.CreateCharacter(holomush.Character{
			Name: with.Name, LocationID: with.LocationID, Description: with.Description,
		})
	case "update_location":
		return holomush.UpdateLocation(with.ID, with.Changes)
	case "update_exit":
		return holomush.UpdateExit(with.ID, with.Changes)
	case "update_object":
		return holomush.UpdateObject(with.ID, with.Changes)
	case "update_character":
		return holomush.UpdateCharacter(with.ID, with.Changes)
	case "move_object":
		return nil, holomush.MoveObject(with.ID, with.Place)
	case "move_character":
		return nil, holomush.MoveCharacter(with.ID, with.LocationID)
	case "destroy_location":
		return nil, holomush.DestroyLocation(with.ID)
	case "destroy_exit":
		return nil, holomush.DestroyExit(with.ID)
	case "destroy_object":
		return nil, holomush.DestroyObject(with.ID)
	case "destroy_character":
		return nil, holomush.DestroyCharacter(with.ID)
	case "kv_get":
		return holomush.KVGet(key)
	case "kv_set":
		return nil, holomush.KVSet(key, with.Value)
	case "kv_delete":
		return holomush.KVDelete(key)
	case "kv_list":
		return holomush.KVList(with.Prefix)
	case "set_attributes":
		return holomush.SetAttributes(with.ID, with.Values)
	case "table_insert":
		return holomush.TableInsert(with.Table, with.Row)
	case "table_get":
		return nothing(holomush.TableGet(with.Table, with.Key))
	case "table_select":
		query := holomush.Query{Where: with.Where, Order: with.Order, Limit: with.Limit, Offset: with.Offset}
		return holomush.TableSelect(with.Table, query)
	case "table_update":
		return holomush.TableUpdate(with.Table, with.Key, with.Changes)
	case "table_delete":
		return holomush.TableDelete(with.Table, with.Key)
	case "http_get":
		return holomush.HTTPGet(with.URL)
	case "http_post":
		return holomush.HTTPPost(with.URL, with.Body)
	case "list_sessions":
		return holomush.ListSessions()
	case "boot_session":
		return nil, holomush.BootSession(with.CharacterID, with.Reason)
	case "switch_character":
		return nil, holomush.SwitchCharacter(with.SessionID, with.CharacterID)
	case "query_account":
		return holomush.QueryAccount(with.CharacterID)
	case "update_account":
		return holomush.UpdateAccount(with.CharacterID, with.Changes)
	case "add_character":
		return holomush.AddCharacter(with.CharacterID, with.Name)
	case "ban_address":
		return nil, holomush.BanAddress(with.Address, with.Reason)
	case "unban_address":
		return holomush.UnbanAddress(with.Address)
	case "list_bans":
		return holomush.ListBans()
	case "list_commands":
		return holomush.ListCommands(with.CharacterID)
	case "list_topics":
		return holomush.ListTopics(with.CharacterID, with.Words)
	case "read_topic":
		return holomush.ReadTopic(with.CharacterID, with.Plugin, with.Topic)
	case "server_stats":
		return holomush.ServerStats()
	case "server_shutdown":
		return nil, holomush.ServerShutdown(with.Reason)
	case "list_plugins":
		return holomush.ListPlugins()
	case "enable_plugin":
		return nil, holomush.EnablePlugin(with.Name)
	case "disable_plugin":
		return nil, holomush.DisablePlugin(with.Name)
	case "export_world":
		return holomush.ExportWorld(with.Name)
	case "import_world":
		return holomush.ImportWorld(with.Name)
	case "log":
		if with.Level == "" {
			with.Level = "info"
		}
		holomush.Log(with.Level, with.Message)
		return nil, nil
	case "config":
		return holomush.Config(key, ""), nil
	}
	return nil, errors.New("there is no function " + function)
}

// nothing is null for a row that is not there, which as Fields would be an empty object.
func nothing(row holomush.Fields, err error) (any, error) {
	if row == nil {
		return nil, err
	}
	return row, err
}

func show(value any, err error) (holomush.Response, error) {
	if err != nil {
		return holomush.Response{}, err
	}
	text, err := json.Marshal(value)
	return holomush.Text(string(text)), err
}

//go:noinline
func deep(n int) int { return deep(n+1) + 1 }

func main() {}
