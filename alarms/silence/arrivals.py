"""What only arrivals show: when meters were heard, and which lines were seen to produce.

    ticks, rows by step, signs of gateways ─► every 10 s of ticks: one look at all meters ─► silence

Looks fall on fixed seconds and see what had arrived by then, so that it does not matter how many
steps are taken at once.  Production is here what a meter said last: a fold may wait for others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from wattwarden.alarms.episodes.findings import Finding
from wattwarden.alarms.plant import table
from wattwarden.alarms.plant.meter_places import excused_of, least_volts_of, production_of
from wattwarden.alarms.plant.meters import Meters, compile_meters
from wattwarden.alarms.plant.orders import Orders
from wattwarden.alarms.plant.plant import Plant
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.rulebook import Rules
from wattwarden.alarms.silence import silence, silence_state
from wattwarden.alarms.silence.silence import PlatformState
from wattwarden.alarms.silence.silence_state import SilenceState
from wattwarden.alarms.silence.tick import Tick

LOOK_S: Final = 10
# Gateways give a sign each 10 s; four may be lost or late.
SIGN_LIFE_S: Final = 45
# A sign is in the journal by then, at the latest.
SIGN_DELAY_S: Final = 10
# Meters whose gateway went have so long to dial in again.
RETURN_S: Final = 900
# Below a fifth of its nameplate a production machine does not produce.
PRODUCING: Final = 0.2
# In the place of a second since when: it said nothing of its supply yet, or that it is there.
_NOT_SAID: Final = -2
_LIT: Final = -1


@dataclass(frozen=True, slots=True)
class Signs:
    """Gateways' signs of life: first and last of each, and all seconds in which one came."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    seconds: NDArray[np.int64]
    # Before the first sign of all nobody could be missed.
    begun: int

    def serving(self, second: int, rate: int) -> bool:
        """Whether some gateway served at a second, as was known shortly after."""
        until = second - SIGN_DELAY_S * rate
        if until < self.begun:
            return True
        place = int(np.searchsorted(self.seconds, until, "right"))
        return place > 0 and int(self.seconds[place - 1]) > second - SIGN_LIFE_S * rate

    def changed(self, second: int, rate: int) -> int:
        """The last second in which a gateway came or went, as was known then; -1 for none."""
        until = second - SIGN_DELAY_S * rate
        came = self.first[self.first <= until]
        went = self.last[self.last <= second - SIGN_LIFE_S * rate]
        return int(max(came.max(initial=-1), went.max(initial=-1)))


@dataclass(frozen=True, slots=True)
class Sky:
    """Whether we could have heard anybody: gateways' signs, and how many seconds a tick covers.

    ``clashes``: (second, meter) where a gateway saw two peers under one id.
    """

    signs: Signs
    rate: int
    clashes: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One look: its step and second, and how many seconds since the last were known and not."""

    step: int
    second: int
    known_s: int
    unknown_s: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Rows as they arrived: meter (by place among the listener's), step, W and V (NaN for none).

    The voltage is the greatest phase's.

    ``skews``: (step, meter, s) where a clock was found to be off by another time than before.
    """

    meter: NDArray[np.int64]
    step: NDArray[np.int64]
    power: NDArray[np.float64]
    voltage: NDArray[np.float64]
    skews: Sequence[tuple[int, int, float]] = ()


class _Kept(msgspec.Struct, array_like=True):
    silence: bytes
    heard: list[int]
    running: list[bool]
    dark_since: list[int]


@dataclass(slots=True)
class Listener:
    """The meters of a plant: what is known of them at the last look, and what came since."""

    meters: Meters
    state: SilenceState
    # Nameplate power (W) as the meter's own side of the transformers sees it; NaN: not production.
    full: NDArray[np.float64]
    # Pairs: a meter of treatment, and one of production that it stands beside.
    beside: NDArray[np.intp]
    # Declared out of use: meters by place, from and to in ms.
    excused: tuple[tuple[NDArray[np.intp], int, int], ...]
    heard: NDArray[np.int64]
    running: NDArray[np.bool_]
    # V below which it says that it has no supply; since which second it has said so, or a code.
    least_volts: NDArray[np.float64]
    dark_since: NDArray[np.int64]
    skew: NDArray[np.float32]
    # Looks up to these steps are in the state of each enterprise.
    known_to: NDArray[np.int64]
    place: Mapping[str, int] = field(default_factory=dict)

    def keep(self, enterprise: str) -> bytes:
        """Return what is remembered of an enterprise."""
        mine = np.flatnonzero(self.meters.firm == self.meters.firms.index(enterprise))
        packed = silence_state.pack_silence(self.meters, self.state, enterprise)
        kept = _Kept(
            packed,
            self.heard[mine].tolist(),
            self.running[mine].tolist(),
            self.dark_since[mine].tolist(),
        )
        return msgspec.msgpack.encode(kept)


def make_listener(
    registry: Registry, rules: Rules, plant: Plant, orders: Orders, kept: Mapping[str, bytes]
) -> Listener:
    """Compile the meters of a plant, with what was kept of its enterprises."""
    meters = compile_meters(registry, rules, plant)
    opened = {name: msgspec.msgpack.decode(body, type=_Kept) for name, body in kept.items() if body}
    state = silence_state.unpack_silence(
        meters, {name: one.silence for name, one in opened.items()}
    )
    count = len(meters.meters)
    listener = Listener(
        meters,
        state,
        *production_of(registry, plant, meters),
        excused_of(registry, plant, meters, orders),
        np.full(count, -1, np.int64),
        np.zeros(count, np.bool_),
        least_volts_of(registry, plant, meters),
        np.full(count, _NOT_SAID, np.int64),
        np.zeros(count, np.float32),
        np.zeros(len(meters.firms), np.int64),
        {name: place for place, name in enumerate(meters.meters)},
    )
    for name, one in opened.items():
        mine = np.flatnonzero(meters.firm == meters.firms.index(name))
        # Of another registry than today's: what was heard last comes with the next readings.
        if len(mine) == len(one.heard):
            listener.heard[mine], listener.running[mine] = one.heard, one.running
            listener.dark_since[mine] = one.dark_since
    return listener


def looks(ticks: Mapping[str, NDArray[np.int64]], after: int, sky: Sky) -> list[Look]:
    """Return the looks of steps after one; ``ticks`` begin some looks before it."""
    found = []
    known = unknown = 0
    columns = (ticks[name].tolist() for name in ("number", "second", "covers_s"))
    for number, second, covers in zip(*columns, strict=True):
        missed = max(0, covers - sky.rate)
        served = covers - missed if sky.signs.serving(second, sky.rate) else 0
        known, unknown = known + served, unknown + covers - served
        if second // LOOK_S != (second - covers) // LOOK_S:
            if number > after:
                found.append(Look(number, second, known, unknown))
            known = unknown = 0
    return found


def listen(
    listener: Listener,
    looked: Sequence[Look],
    heard: Heard,
    seconds: Mapping[int, int],
    sky: Sky,
) -> list[Finding]:
    """Take rows and looks of some steps; ``seconds`` is each step's."""
    order = np.argsort(heard.step, kind="stable")
    steps = heard.step[order]
    findings: list[Finding] = []
    start = 0
    skews = sorted(heard.skews, reverse=True)
    for look in looked:
        stop = int(np.searchsorted(steps, look.step, "right"))
        _hear(listener, heard, order[start:stop], seconds)
        while skews and skews[-1][0] <= look.step:
            _step, meter, listener.skew[meter] = skews.pop()
        start = stop
        findings += _look(listener, look, sky)
    _hear(listener, heard, order[start:], seconds)
    for _step, meter, skew in reversed(skews):
        listener.skew[meter] = skew
    return findings


def listen_to_ourselves(
    rules: Rules, state: PlatformState, looked: Sequence[Look]
) -> tuple[PlatformState, list[Finding]]:
    """Take looks for what concerns all: whether we could have heard anybody."""
    nobody = np.empty(0, np.int64)
    findings: list[Finding] = []
    for look in looked:
        none = nobody > 0
        tick = _tick(look, nobody, none, none, none, nobody.astype(np.float32))
        state, found = silence.fold_platform(rules, state, tick)
        findings += found
    return state, findings


def _hear(
    listener: Listener, heard: Heard, chosen: NDArray[np.intp], seconds: Mapping[int, int]
) -> None:
    if not len(chosen):
        return
    meter = heard.meter[chosen]
    at = np.array([seconds[step] for step in heard.step[chosen].tolist()], np.int64)
    np.maximum.at(listener.heard, meter, at)
    power = heard.power[chosen]
    said = ~np.isnan(power)
    # The last of a step's rows is the last written here: rows come in order of at within a step.
    listener.running[meter[said]] = power[said] >= PRODUCING * listener.full[meter[said]]
    _supply(listener, meter, at, heard.voltage[chosen])


def _supply(
    listener: Listener,
    meter: NDArray[np.int64],
    at: NDArray[np.int64],
    voltage: NDArray[np.float64],
) -> None:
    """Note which meters say that they have no supply, and since when."""
    dark = voltage < listener.least_volts[meter]
    before = np.where(dark, listener.dark_since[meter] < 0, listener.dark_since[meter] != _LIT)
    said = ~np.isnan(voltage)
    for row in np.flatnonzero(said & np.isin(meter, meter[before & said])).tolist():
        if not dark[row]:
            listener.dark_since[meter[row]] = _LIT
        elif listener.dark_since[meter[row]] < 0:
            listener.dark_since[meter[row]] = at[row]


def _unlit(listener: Listener) -> frozenset[int]:
    """Return the enterprises in which the last that was said of the supply is that it is gone."""
    meters, since = listener.meters, listener.dark_since
    lasted = listener.heard - since
    # A reading stands for half a cycle on either side.
    dark = (since >= 0) & (lasted >= (meters.dark_cycles - 0.5) * meters.cycle)
    if not dark.any():
        return frozenset()
    lit = since == _LIT
    # A meter that had supply may have lost it up to two cycles before others said so.
    until = listener.heard - 2 * meters.cycle
    return frozenset(
        firm
        for firm in np.unique(meters.firm[dark]).tolist()
        if until[lit & (meters.firm == firm)].max(initial=0)
        <= since[dark & (meters.firm == firm)].max()
    )


def _look(listener: Listener, look: Look, sky: Sky) -> Sequence[Finding]:
    changed = sky.signs.changed(look.second, sky.rate)
    young = changed >= 0 and look.second < changed + RETURN_S
    hidden = (listener.heard < changed) & young
    fresh = 2 * listener.meters.cycle + max(LOOK_S, sky.rate)
    running = listener.running & (look.second - listener.heard <= fresh)
    producing = np.zeros(len(running), np.bool_)
    producing[listener.beside[running[listener.beside[:, 1]], 0]] = True
    excused = np.zeros(len(listener.heard), np.bool_)
    for places, start, end in listener.excused:
        excused[places] |= start <= look.second * 1_000 < end
    tick = _tick(look, listener.heard, hidden, producing, excused, listener.skew)
    tick = replace(tick, unlit=_unlit(listener), duplicate=_clashed(listener, look, sky))
    known = np.flatnonzero(listener.known_to >= look.step)
    before = listener.state
    listener.state, findings = silence.fold_silence(listener.meters, before, tick)
    if len(known):
        meters = np.flatnonzero(np.isin(listener.meters.firm, known))
        table.put(listener.state.meter, meters, table.take(before.meter, meters))
        table.put(listener.state.firm, known, table.take(before.firm, known))
    return findings


def _clashed(listener: Listener, look: Look, sky: Sky) -> NDArray[np.bool_]:
    """Tell which meters' ids two peers used since the last look, as was known shortly after."""
    clashed = np.zeros(len(listener.heard), np.bool_)
    until = look.second - SIGN_DELAY_S * sky.rate
    since = until - look.known_s - look.unknown_s
    for second, meter in sky.clashes:
        if since < second <= until and meter in listener.place:
            clashed[listener.place[meter]] = True
    return clashed


def _tick(
    look: Look,
    heard: NDArray[np.int64],
    hidden: NDArray[np.bool_],
    producing: NDArray[np.bool_],
    excused: NDArray[np.bool_],
    skew: NDArray[np.float32],
) -> Tick:
    return Tick(
        second=look.second,
        known_s=look.known_s,
        unknown_s=look.unknown_s,
        heard=heard.copy(),
        hidden=hidden,
        excused=excused,
        producing=producing,
        duplicate=np.zeros(len(heard), np.bool_),
        skew=skew.copy(),
    )
