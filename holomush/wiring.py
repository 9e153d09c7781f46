"""The parts of a server put together that have many others to know: the game, and what the doors need of the rest of it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

import attrs
import trio
from trio_websocket import WebSocketConnection

from holomush.auth.passwords import PasswordHashes
from holomush.auth.throttle import Throttle, address_key
from holomush.config import Config
from holomush.database.store import Store
from holomush.dispatch.commit import Committer
from holomush.dispatch.lines import Lines
from holomush.dispatch.subscribers import Subscribers
from holomush.events.bus import Bus
from holomush.net.connection import Connections
from holomush.net.doors import Doorkeeper, TelnetDoor
from holomush.net.limits import AddressLimits, DoorLimits
from holomush.net.proxy import Network
from holomush.net.status import Status
from holomush.net.turnstile import Turnstile
from holomush.net.web.clients import SUBPROTOCOLS, make_client
from holomush.net.web.pages import Pages
from holomush.net.web.port import WebPort
from holomush.plugins.host import PluginHost
from holomush.plugins.storage.registers import Registers
from holomush.sessions.entrance import Entrance
from holomush.sessions.game import Game
from holomush.sessions.oversight import Oversight
from holomush.sessions.presence import Presences
from holomush.sessions.replay import Replays
from holomush.sessions.resumption import Resumption
from holomush.sessions.sight import Sights
from holomush.telemetry.catalogue import Sources, measure
from holomush.telemetry.metrics import Metrics
from holomush.telemetry.recording import Commits, Counts
from holomush.world.model import Location
from holomush.world.state import World


@attrs.frozen
class PortSettings:
    """What the web's port needs of the configuration (``net.web.port.PortConfig``)."""

    origins: tuple[str, ...]
    message_limit: int
    proxies: tuple[Network, ...]


def make_game(
    config: Config,
    *,
    world: World,
    store: Store,
    bus: Bus,
    committer: Committer,
    lines: Lines,
    presences: Presences,
    registers: Registers,
    passwords: PasswordHashes,
    start: Callable[[], Location],
) -> Game:
    """What every session needs."""
    entrance = Entrance(
        world=world,
        accounts=registers.accounts,
        bans=registers.address_bans,
        committer=committer,
        passwords=passwords,
        throttle=Throttle(),
        start=start,
        guest_limit=config.sessions.guests,
    )

    async def dismiss_guest(character_id: str) -> None:
        if not presences.is_connected(character_id):
            await entrance.dismiss_guest(character_id)
            presences.forget(character_id)

    resumption = Resumption(
        tokens=registers.resume_tokens,
        accounts=registers.accounts,
        world=world,
        committer=committer,
        grace=config.sessions.resume_grace,
        dismiss_guest=dismiss_guest,
    )
    replays = Replays(
        world=world,
        store=store,
        bus=bus,
        presences=presences,
        channels_of=registers.listeners.of_character,
        heard_since=registers.listeners.since,
        limit=config.sessions.replay_limit,
    )
    return Game(
        world=world,
        store=store,
        bus=bus,
        committer=committer,
        lines=lines,
        entrance=entrance,
        presences=presences,
        replays=replays,
        resumption=resumption,
        sights=Sights(world, store, presences.clients, presences.is_connected),
        logins=Counts("accepted", "refused", "failed"),
        dismiss_guest=dismiss_guest,
        config=config.sessions,
    )


def make_doorkeeper(config: Config) -> Doorkeeper:
    """Who counts who comes."""
    limits = config.limits
    doors = DoorLimits(total=limits.connections, per_address=limits.per_address, arrivals=limits.arrivals)
    proxies = tuple(ipaddress.ip_network(text) for text in limits.proxies)
    return Doorkeeper(AddressLimits(doors, key=address_key, clock=trio.current_time), proxies)


def make_status(config: Config, oversight: Oversight, store: Store, metrics: Metrics, ports: Mapping[str, int]) -> Status:
    """What can be asked without playing."""
    return Status(
        config=config,
        sessions=oversight.sessions,
        players=lambda: len(oversight.connected()),
        counts=oversight.counts,
        trouble=lambda: None if store.failure is None else str(store.failure),
        exposition=metrics.exposition,
        ports=ports,
    )


def make_doors(
    config: Config, pages: Pages, status: Status, connections: Connections, keeper: Doorkeeper
) -> tuple[TelnetDoor, WebPort]:
    """The telnet doors, and the port of the page and the websocket."""

    turnstile = Turnstile(config.limits.input)

    async def play(socket: WebSocketConnection, subprotocol: str, address: str) -> None:
        client = make_client(
            socket,
            subprotocol,
            address,
            turnstile,
            limit=config.telnet.outbox_limit,
            line_limit=config.telnet.line_limit,
            game=config.game.name,
            guests=config.sessions.guests > 0,
        )
        await connections.serve(client)

    web = WebPort(
        pages=pages,
        answers=status.answers(),
        play=play,
        config=PortSettings(config.web.origins, config.web.message_limit, tuple(keeper.proxies)),
        subprotocols=SUBPROTOCOLS,
        admit=keeper.admitted,
        turnstile=turnstile,
    )
    return TelnetDoor(connections, keeper, config.telnet, status.mssp, turnstile), web


def measure_all(
    metrics: Metrics,
    game: Game,
    connections: Connections,
    keeper: Doorkeeper,
    host: PluginHost,
    store: Store,
    subscribers: Subscribers,
) -> None:
    """Have everything counted and shown."""
    commits = Commits()
    store.on_commit = commits.note
    first = game.bus.sequence
    sources = Sources(
        characters=lambda: len(tuple(game.presences)),
        connections=connections.visits.here.read,
        connections_opened=connections.visits.so_far.read,
        connections_refused=lambda: keeper.limits.refused,
        logins=game.logins.read,
        lines=lambda: game.presences.commands,
        events=lambda: game.bus.sequence - first,
        plugins=lambda: [(plugin.name, plugin.figures) for plugin in host.plugins],
        commits=commits,
        commits_waiting=lambda: store.unfinished,
        backlogs=subscribers.backlogs,
        outbox_bytes=lambda: sum(connection.waiting for connection in connections),
        clients_dropped=lambda: connections.slow,
    )
    measure(metrics, sources)
