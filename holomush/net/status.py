"""What can be asked without playing: health and figures over HTTP, who is on, and what lists of games are told (MSSP)."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import trio

from holomush import __version__
from holomush.config import Config
from holomush.net.proxy import Network, forwarded_address, is_among
from holomush.net.web.http import Answer, Request, line


@attrs.frozen(kw_only=True)
class Status:
    """Of one server. Each function is asked when it is needed."""

    config: Config
    sessions: Callable[[], Sequence[Mapping[str, Any]]]
    """Everybody in play, as plugins see them."""
    players: Callable[[], int]
    """How many are in play."""
    counts: Callable[[], Mapping[str, int]]
    """How many of each kind of entity there are: locations, exits, objects, characters."""
    trouble: Callable[[], str | None]
    """Why nothing can be saved; None if all is well."""
    exposition: Callable[[], tuple[bytes, str]]
    """The metrics as text, and its content type. Takes some milliseconds; from any thread."""
    ports: Mapping[str, int]
    """Where the server listens: telnet, tls, web."""
    started: int = attrs.field(factory=lambda: int(time.time()))
    _proxies: Sequence[Network] = attrs.field(init=False)
    _may_measure: Sequence[Network] = attrs.field(init=False)

    @_proxies.default
    def _read_proxies(self) -> Sequence[Network]:
        return [ipaddress.ip_network(text) for text in self.config.limits.proxies]

    @_may_measure.default
    def _read_may_measure(self) -> Sequence[Network]:
        return [ipaddress.ip_network(text) for text in self.config.web.metrics]

    def mssp(self) -> Mapping[str, str | Sequence[str]]:
        """The variables of the Mud Server Status Protocol."""
        counts = self.counts()
        variables: dict[str, str | Sequence[str]] = {
            "NAME": self.config.game.name,
            "PLAYERS": str(self.players()),
            "UPTIME": str(self.started),
            "CODEBASE": f"HoloMUSH {__version__}",
            "FAMILY": "Custom",
            "PORT": str(self.ports.get("telnet", 0)),
            "CHARSET": ["UTF-8", "ISO-8859-1"],
            "LANGUAGE": "English",
            "ANSI": "1",
            "VT100": "0",
            "UTF-8": "1",
            "XTERM 256 COLORS": "1",
            "XTERM TRUE COLORS": "1",
            "GMCP": "1",
            "MCCP": "1" if self.config.telnet.compression else "0",
            "MSP": "0",
            "MXP": "0",
            "ROOMS": str(counts.get("locations", 0)),
            "OBJECTS": str(counts.get("objects", 0)),
            "AREAS": "-1",
        }
        if "tls" in self.ports:
            variables |= {"SSL": str(self.ports["tls"]), "TLS": str(self.ports["tls"])}
        return variables | self.config.game.mssp

    def answers(self) -> Mapping[str, Callable[[Request], Awaitable[Answer]]]:
        """What is answered over HTTP, by path."""
        return {"/healthz": self._health, "/who.json": self._who, "/metrics": self._metrics}

    async def _health(self, _: Request) -> Answer:
        trouble = self.trouble()
        return line(200, "ok") if trouble is None else line(503, "The database cannot be written.")

    async def _who(self, _: Request) -> Answer:
        if not self.config.web.who:
            return line(404, "This game does not tell who is playing.")
        players = [
            {"name": one["character_name"], "connected_at": one["connected_at"], "idle_seconds": one["idle_seconds"]}
            for one in self.sessions()
        ]
        body = json.dumps({"game": self.config.game.name, "players": players}, ensure_ascii=False)
        return Answer(200, {"Content-Type": "application/json"}, f"{body}\n".encode())

    async def _metrics(self, request: Request) -> Answer:
        # Relayed by somebody on this machine, perhaps, who is not among the proxies: nobody knows whose request it is.
        forwarded_for = request.header("x-forwarded-for")
        is_strange = bool(forwarded_for) and (
            not self._proxies or forwarded_address(forwarded_for, self._proxies) != request.address
        )
        if is_strange or not (is_among(request.address, self._may_measure) or request.address == "memory"):
            return line(403, "The figures are not for everybody: see web.metrics in the configuration.")
        # Not here: it takes longer than anybody should wait for a line.
        body, content_type = await trio.to_thread.run_sync(self.exposition)
        return Answer(200, {"Content-Type": content_type}, body)
