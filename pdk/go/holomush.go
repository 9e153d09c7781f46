// Package holomush is what a HoloMUSH plugin written in Go works with: the values it gets and returns, and the
// functions of the server. Each of these gives an *Error when the server refuses.
package holomush

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/extism/go-pdk"
)

// done is what most calls that change something answer: no need to read it as JSON.
const done = `{"ok": true, "value": null}`

// OnEvent is for the export handle_event: it runs the handler with the event of this call.
func OnEvent(handle func(Event) error) int32 {
	return run(func(event Event) (Response, error) { return Response{}, handle(event) })
}

// OnEventResponse is OnEvent for a handler that also answers, as with Handled: nobody after it gets the event.
func OnEventResponse(handle func(Event) (Response, error)) int32 { return run(handle) }

// OnCommand is for the export of a command's handler: it runs the handler with the command of this call.
func OnCommand(handle func(Invocation) (Response, error)) int32 { return run(handle) }

// OnInit is for the export init, if there is one: it runs the handler once, before any other.
func OnInit(handle func() error) int32 {
	return run(func(struct{}) (Response, error) { return Response{}, handle() })
}

// run is one call into the plugin. Gives the code that the server wants: 0, or 1 after an error was reported.
func run[T any](handle func(T) (Response, error)) (code int32) {
	defer func() {
		if reason := recover(); reason != nil {
			code = fail(callers(), fmt.Sprint("panic: ", reason))
		}
	}()
	var input T
	if data := pdk.Input(); len(data) > 0 {
		if err := decode(data, &input); err != nil {
			return fail(nil, "the input of this call is not as it should be: "+err.Error())
		}
	}
	response, err := handle(input)
	if err == nil && (response.Output != nil || response.Events != nil || response.Handled != nil) {
		err = pdk.OutputJSON(response)
	}
	if refused := (*Error)(nil); errors.As(err, &refused) {
		return fail(refused.stack, err.Error())
	} else if err != nil {
		return fail(callers(), err.Error())
	}
	return 0
}

// fail reports an error: the author's own lines that led to it, innermost first, and then what it is.
func fail(stack []uintptr, message string) int32 {
	module := "main"
	if build, ok := debug.ReadBuildInfo(); ok {
		module = build.Main.Path
	}
	var report strings.Builder
	for frames, more := runtime.CallersFrames(stack), len(stack) > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if strings.HasPrefix(frame.Function, "main.") || strings.HasPrefix(frame.Function, module+"/") {
			fmt.Fprintf(&report, "%s:%d: %s\n", strings.TrimPrefix(frame.File, module+"/"), frame.Line, frame.Function)
		}
	}
	pdk.SetErrorString(report.String() + message)
	return 1
}

func callers() []uintptr {
	stack := make([]uintptr, 64)
	return stack[:runtime.Callers(2, stack)]
}

type asJSON struct{ value any }

// do is ask for what gives nothing back.
func do(function any, arguments ...any) error {
	_, err := ask[json.RawMessage](function, arguments...)
	return err
}

// ask calls a function of the server with strings and asJSON. The answer is an envelope with a value or an error.
func ask[T any](function any, arguments ...any) (value T, err error) {
	var texts [3]uint64
	for i, argument := range arguments {
		text, plain := argument.(string)
		if !plain {
			data, err := json.Marshal(argument.(asJSON).value)
			if err != nil {
				return value, err
			}
			text = string(data)
		}
		memory := pdk.AllocateString(strings.ToValidUTF8(text, "\uFFFD"))
		defer memory.Free()
		texts[i] = memory.Offset()
	}
	var answer uint64
	switch function := function.(type) {
	case func() uint64:
		answer = function()
	case func(_ uint64) uint64:
		answer = function(texts[0])
	case func(_, _ uint64) uint64:
		answer = function(texts[0], texts[1])
	case func(_, _, _ uint64) uint64:
		answer = function(texts[0], texts[1], texts[2])
	case func(_, _ uint64): // of the log, which does not answer
		function(texts[0], texts[1])
		return value, nil
	}
	memory := pdk.FindMemory(answer)
	defer memory.Free()
	data := memory.ReadBytes()
	if string(data) == done {
		return value, nil
	}
	envelope := struct {
		Value *T
		Error *Error
	}{Value: &value}
	if err := decode(data, &envelope); err != nil {
		return value, fmt.Errorf("the server's answer is not as it should be: %w", err)
	}
	if envelope.Error != nil {
		envelope.Error.stack = callers()
		return value, envelope.Error
	}
	return value, nil
}

func decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // an int64 does not fit into a float64
	return decoder.Decode(into)
}
