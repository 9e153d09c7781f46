"""Which plugins are loaded, in which order, and why the others are not. Knows names and versions; nothing of files or guests.

An edge says that one plugin is loaded before another: because of ``depends``, ``after`` or ``before``, each said by one of the two.
Lower (priority, name) goes first wherever there is a choice. The order in which candidates are given changes nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

import attrs

from holomush.plugins.roster.requirements import Requirement

_LONGEST_CYCLE = 20
"""Steps of a cycle that are printed."""


@attrs.frozen(kw_only=True)
class Candidate:
    """A plugin that could be loaded. ``version`` is three numbers; ``before`` and ``after`` are names, hints only."""

    name: str
    version: str
    priority: int = 100
    depends: tuple[Requirement, ...] = ()
    conflicts: tuple[Requirement, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[int, str]:
        """Lower goes first."""
        return self.priority, self.name

    def __str__(self) -> str:
        return f"{self.name} {self.version} (priority {self.priority})"


@attrs.frozen
class LoadOrder:
    """Names of the plugins to load, first one first, and the reasons of each that is refused, one line each."""

    order: tuple[str, ...]
    refused: Mapping[str, tuple[str, ...]]


@attrs.frozen
class _Edge:
    """``first`` is loaded before ``second``, because ``said_by`` says so, in words."""

    first: str
    second: str
    said_by: str
    words: str
    is_hint: bool
    """Said in ``before`` or ``after``, and not because one needs the other."""


_Named = Mapping[str, Candidate]


def resolve(candidates: Iterable[Candidate], unavailable: Mapping[str, str] = {}) -> LoadOrder:
    """The plugins to load, in order, and those refused, by name.

    ``unavailable`` has plugins that are there and must not be loaded, each with a reason that can follow "which", such as
    "waits for approval". Raises ``ValueError`` if a name is there twice.
    """
    named = _by_name(candidates, unavailable)
    faults = {name: _own_faults(candidate, named, unavailable) for name, candidate in named.items()}
    alive = _without(named, [name for name in named if faults[name]])
    cycles: dict[str, str] = {}
    while told := _refuse_cycles(alive):
        cycles |= told
        alive = _without(alive, told)
    rivals = _rivals(named)
    edges = _edges(alive)
    loaded = _settle_conflicts(alive, rivals, _sort(alive, edges))
    refused = {}
    for name in named:
        if name not in loaded:
            reasons = [cycles[name]] if name in cycles else [*faults[name], *_lost_needs(named[name], named, loaded)]
            reasons += [reason for rival, reason in rivals[name].items() if rival in loaded]
            refused[name] = tuple(dict.fromkeys(reasons))
    return LoadOrder(_sort(loaded, edges), refused)


def _by_name(candidates: Iterable[Candidate], unavailable: Mapping[str, str]) -> _Named:
    ranked = sorted(candidates, key=lambda candidate: candidate.name)
    named = {candidate.name: candidate for candidate in ranked}
    if len(named) < len(ranked) or named.keys() & unavailable.keys():
        names = [*(candidate.name for candidate in ranked), *unavailable]
        raise ValueError(f"each plugin must be given once, not {next(name for name in names if names.count(name) > 1)} twice")
    return named


def _own_faults(candidate: Candidate, named: _Named, unavailable: Mapping[str, str]) -> list[str]:
    faults = []
    for wanted in candidate.depends:
        found = named.get(wanted.name)
        if found is None:
            faults.append(f"needs {wanted}, which {unavailable.get(wanted.name, 'is not there')}")
        elif not wanted.accepts(found.version):
            faults.append(f"needs {wanted}, but {found.name} is {found.version}")
    if any(unwanted.name == candidate.name and unwanted.accepts(candidate.version) for unwanted in candidate.conflicts):
        faults.append("conflicts with itself")
    return faults


def _lost_needs(candidate: Candidate, named: _Named, loaded: _Named) -> Iterator[str]:
    for wanted in candidate.depends:
        if wanted.name not in loaded and wanted.name in named and wanted.accepts(named[wanted.name].version):
            yield f"needs {wanted}, which was refused"


def _without(alive: _Named, lost: Iterable[str]) -> _Named:
    """``alive`` without the lost ones, without those that need them, and so on."""
    dependents: dict[str, list[str]] = {name: [] for name in alive}
    for candidate in alive.values():
        for wanted in candidate.depends:
            dependents.setdefault(wanted.name, []).append(candidate.name)
    gone: set[str] = set()
    going = list(lost)
    while going:
        name = going.pop()
        if name not in gone:
            gone.add(name)
            going += dependents.get(name, [])
    return {name: candidate for name, candidate in alive.items() if name not in gone}


# ---- edges, cycles and order -----------------------------------------------------------------------------------------


def _edges_said_by(candidate: Candidate, alive: _Named) -> Iterator[_Edge]:
    name = candidate.name
    needed = [_Edge(wanted.name, name, name, f"{name} depends on {wanted.name}", is_hint=False) for wanted in candidate.depends]
    after = [_Edge(other, name, name, f"{name} is after {other}", is_hint=True) for other in candidate.after]
    before = [_Edge(name, other, name, f"{name} is before {other}", is_hint=True) for other in candidate.before]
    return (edge for edge in chain(needed, after, before) if edge.first in alive and edge.second in alive)


def _edges(alive: _Named) -> list[_Edge]:
    """Of several edges between the same two one is kept; what the later one of the two says counts more."""
    said = [edge for candidate in alive.values() for edge in _edges_said_by(candidate, alive)]
    said.sort(key=lambda edge: edge.said_by == edge.first)
    kept: dict[tuple[str, str], _Edge] = {}
    for edge in said:
        kept.setdefault((edge.first, edge.second), edge)
    return list(kept.values())


def _refuse_cycles(alive: _Named) -> dict[str, str]:
    """Plugins that say one of the edges of a cycle, with the cycle in words. Empty if there is no cycle."""
    # First what a plugin says against itself: with that gone, nobody else is drawn into it.
    cycles = [cycle for candidate in alive.values() if (cycle := _contradiction(candidate, alive))] or _cycles(alive)
    told: dict[str, str] = {}
    for cycle in cycles:
        words = _cycle_in_words(cycle)
        # Who only says what it needs is not to blame for what others wish: a stranger could keep out any plugin so.
        for edge in [edge for edge in cycle if edge.is_hint] or cycle:
            told.setdefault(edge.said_by, words)
    return told


def _contradiction(candidate: Candidate, alive: _Named) -> list[_Edge]:
    """A cycle made of what one plugin says alone; empty if there is none."""
    said: dict[tuple[str, str], _Edge] = {}
    for edge in _edges_said_by(candidate, alive):
        said.setdefault((edge.first, edge.second), edge)
    for (first, second), edge in sorted(said.items(), key=lambda item: item[0]):
        if first == second:
            return [edge]
        if (second, first) in said:
            return [edge, said[second, first]]
    return []


def _cycles(alive: _Named) -> list[list[_Edge]]:
    """Cycles that have no plugin in common, at least one if there are any."""
    edges = _edges(alive)
    tangled = alive.keys() - set(_sort(alive, edges))
    into: dict[str, _Edge] = {}
    for edge in sorted(edges, key=lambda edge: (edge.second, edge.first)):
        if edge.first in tangled:
            into.setdefault(edge.second, edge)
    # Whatever could not be sorted has an edge into it from its like: going back along one edge each must end in a circle.
    cycles = []
    walked: set[str] = set()
    for start in sorted(tangled):
        path: dict[str, _Edge] = {}
        name = start
        while name not in walked:
            walked.add(name)
            path[name] = into[name]
            name = into[name].first
        if name in path:
            names = list(path)
            cycles.append([path[passed] for passed in reversed(names[names.index(name) :])])
    return cycles


def _cycle_in_words(cycle: list[_Edge]) -> str:
    start = min(range(len(cycle)), key=lambda index: cycle[index].first)
    edges = [*cycle[start:], *cycle[:start]]
    steps = [f"-> {edge.second} ({edge.words})" for edge in edges]
    if len(steps) > _LONGEST_CYCLE:
        steps[_LONGEST_CYCLE // 2 : -_LONGEST_CYCLE // 2] = [f"-> {len(steps) - _LONGEST_CYCLE} more"]
    return f"is part of a cycle: {edges[0].first} {' '.join(steps)}"


def _sort(alive: _Named, edges: Iterable[_Edge]) -> tuple[str, ...]:
    """Names in load order: of those that need not wait, always the lowest rank. What is in or behind a cycle is left out."""
    followers: dict[str, list[str]] = {name: [] for name in alive}
    waits = dict.fromkeys(alive, 0)
    for edge in edges:
        if edge.first in alive and edge.second in alive:
            followers[edge.first].append(edge.second)
            waits[edge.second] += 1
    ready = [candidate.rank for name, candidate in alive.items() if not waits[name]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, name = heapq.heappop(ready)
        order.append(name)
        for follower in followers[name]:
            waits[follower] -= 1
            if not waits[follower]:
                heapq.heappush(ready, alive[follower].rank)
    return tuple(order)


# ---- conflicts -------------------------------------------------------------------------------------------------------


def _rivals(named: _Named) -> Mapping[str, dict[str, str]]:
    """For each plugin the ones it cannot be loaded beside, with the reason that it is given if the other one is loaded."""
    rivals: dict[str, dict[str, str]] = {name: {} for name in named}
    for candidate in named.values():
        for unwanted in candidate.conflicts:
            other = named.get(unwanted.name)
            if other is not None and other is not candidate and unwanted.accepts(other.version):
                rivals[candidate.name][other.name] = f"conflicts with {unwanted}, and {other} is loaded"
                rivals[other.name].setdefault(candidate.name, f"{candidate} is loaded and conflicts with {unwanted}")
    return rivals


def _settle_conflicts(alive: _Named, rivals: Mapping[str, Mapping[str, str]], order: Iterable[str]) -> _Named:
    """Of any two that cannot coexist the one of lower rank stays, as long as it can be loaded itself."""
    loaded = alive
    for name in sorted(alive, key=lambda name: alive[name].rank):
        lost = [rival for rival in rivals[name] if rival in loaded] if name in loaded else []
        if lost:
            loaded = _without(loaded, lost)
    # A winner may itself have gone for want of something that lost later. Who lost to such a one only can stay after all.
    stay = set(loaded)
    for name in order:
        if not rivals[name].keys() & stay and all(wanted.name in stay for wanted in alive[name].depends):
            stay.add(name)
    return {name: candidate for name, candidate in alive.items() if name in stay}
