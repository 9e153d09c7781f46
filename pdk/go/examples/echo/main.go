// The echo plugin: it repeats what is said.
package main

import holomush "github.com/holomush/holomush/pdk/go"

//go:wasmexport handle_event
func handleEvent() int32 {
	return holomush.OnEvent(func(event holomush.Event) error {
		if event.Type != "say" || event.ActorKind == "plugin" {
			return nil
		}
		message, _ := event.Payload["message"].(string)
		return holomush.Emit(event.Stream, "say", holomush.Fields{"message": "Echo: " + message})
	})
}

// Nothing runs by itself, but a Go program has to have it.
func main() {}
