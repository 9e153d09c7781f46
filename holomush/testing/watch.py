"""What a plugin asks of the host in a test: every host call noted, some answered by the test, refusals never overlooked.

Stands in the one place through which all host functions go (``Surroundings.interpose``). What is not mocked is the real function.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import attrs

from holomush.events.event import EmittedEvent
from holomush.plugins.calls import Call, CapabilityDeniedError
from holomush.plugins.functions.accounts import OLD_PASSWORD
from holomush.plugins.functions.addresses import Target
from holomush.plugins.functions.arguments import parse_json, parse_object
from holomush.plugins.functions.refusal import HostCallError
from holomush.plugins.functions.table import HOST_FUNCTIONS, HostFunction
from holomush.plugins.roster.capabilities import Capability
from holomush.testing.failures import HarnessError

PREFIX = "holomush_"

_NAMES = [function.name for function in HOST_FUNCTIONS]
_USUAL = ("character", "object", "exit")
"""What is looked for if a plugin does not say."""
_READ = {"location": "read:locations", "exit": "read:locations", "object": "read:objects", "character": "read:characters"}


class HostCall(NamedTuple):
    """A call of a host function: its name in the plugin ABI, and its arguments; those that are JSON are parsed."""

    name: str
    args: tuple[Any, ...]


@attrs.frozen
class Denial:
    """Something that the plugin has no capability for. ``function`` is the host function that said so."""

    function: str
    capability: str

    @property
    def advice(self) -> str:
        """What to add to ``plugin.yaml``, as it stands there."""
        stream = self.capability.split(":")
        # Ids are made in the game, so a plugin asks for all places and people.
        wide = stream[0] == "emit" and stream[1] in ("location", "character")
        return f"plugin.yaml: add to capabilities:\n  - {':'.join((*stream[:2], '*')) if wide else self.capability}"


class Watch:
    """The host calls of one plugin, call by call."""

    def __init__(self) -> None:
        self.host_calls: list[HostCall] = []
        self.denials: list[Denial] = []
        self._call: Call | None = None
        self._mocks: dict[str, Any] = {}
        self._expected: list[Capability] = []
        self._tell: Callable[[str], None] = _nobody

    def begin(self) -> None:
        """Forget what was noted: another call of the plugin comes."""
        self._call = None
        self._clear()

    def mock(self, name: str, answer: Any) -> None:
        """Let ``answer`` be what a host function returns, or, called with the plugin's arguments, gives or raises."""
        full = name if name.startswith(PREFIX) else PREFIX + name
        if full not in _NAMES:
            near = difflib.get_close_matches(full, _NAMES, n=1)
            raise HarnessError(f"there is no host function {name}" + (f"; did you mean {near[0]}?" if near else ""))
        self._mocks[full] = answer

    def expect(self, capabilities: Iterable[Capability], tell: Callable[[str], None]) -> None:
        """From now on refusals of these, and no others, are as they should be. ``tell`` gets what each refusal was of."""
        self._expected = list(capabilities)
        self._tell = tell

    def note_denial(self, function: str, error: CapabilityDeniedError) -> None:
        """The plugin was refused something."""
        self.denials.append(Denial(function, error.capability))
        self._tell(error.capability)

    def expect_nothing(self) -> None:
        """From now on no refusal is as it should be."""
        self.expect((), _nobody)

    def unexpected_denials(self) -> list[Denial]:
        """Refusals that the test did not ask for."""
        return [d for d in self.denials if not any(expected.covers(d.capability) for expected in self._expected)]

    def interpose(self, function: HostFunction, call: Call, arguments: list[str]) -> Any:
        """Run a host function. In the thread of the guest's call."""
        if not call.is_loading:
            if call is not self._call:
                # The same call made anew, after a conflict: what counts is what came through.
                self._clear()
                self._call = call
            self.host_calls.append(HostCall(function.name, _parsed(function, arguments)))
        try:
            if function.name in self._mocks:
                for capability in _needed(function, arguments):
                    call.require(capability)
                return _answer(self._mocks[function.name], _parsed(function, arguments))
            return function.run(call, *arguments)
        except CapabilityDeniedError as exc:
            self.note_denial(function.name, exc)
            raise

    def _clear(self) -> None:
        self.host_calls = []
        self.denials = []


def _nobody(_: str) -> None:
    pass


def as_refusal(error: BaseException) -> HostCallError | None:
    """An error that a host function may answer with, such as ``holomush_pdk.HostError``; None if it is another."""
    code = getattr(error, "code", None)
    return HostCallError(code, str(getattr(error, "message", error))) if isinstance(code, str) else None


def _answer(mock: Any, arguments: tuple[Any, ...]) -> Any:
    answer = mock
    if callable(mock):
        try:
            answer = mock(*arguments)
        except Exception as exc:  # what kind of error refuses is told by its code
            refusal = as_refusal(exc)
            if refusal is None:
                raise
            raise refusal from exc
    if isinstance(answer, Exception):
        raise as_refusal(answer) or answer
    json.dumps(answer, allow_nan=False)  # here, where an error still reaches the test
    return answer


def _parsed(function: HostFunction, arguments: list[str]) -> tuple[Any, ...]:
    return tuple(
        _json_or_text(argument) if parameter.endswith("json") else argument
        for parameter, argument in zip(function.parameters, arguments, strict=True)
    )


def _json_or_text(text: str) -> Any:
    try:
        return parse_json(text)
    except HostCallError:
        return text


def _needed(function: HostFunction, arguments: list[str]) -> list[str]:
    """The capabilities that the real function would ask for."""
    capability = function.capability
    match capability:
        case "emit:<stream>":
            stream = EmittedEvent.parse(parse_json(arguments[0])).stream
            return [capability.replace("<stream>", stream)]
        case "history:<stream>" | "listen:<stream>":
            return [capability.replace("<stream>", arguments[0])]
        case "read:<kinds>":
            query = parse_object(arguments[0], ("name", "near", "kinds"))
            everywhere = ["read:everywhere"] if query.get("near", "") is None else []
            return [*everywhere, *(_READ[kind] for kind in query.get("kinds", _USUAL) if kind in _READ)]
        case "account:<keys>":
            return [f"account:{key}" for key in parse_json(arguments[1]) if key != OLD_PASSWORD]
        case "http:get:<domain>" | "http:post:<domain>":
            return [capability.replace("<domain>", Target.parse(arguments[0], ()).domain)]
        case _:
            return [capability] if capability else []
