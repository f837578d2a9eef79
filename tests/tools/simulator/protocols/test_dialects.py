"""What simulated meters say becomes, by their codecs, exactly what their truth says."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from tests.tools.simulator.protocols.decoded import expected, rows_of

from wattwarden.codecs import load_codecs, port_codecs
from wattwarden.codecs.dlt645 import request as request_645
from wattwarden.codecs.dlt698.commands import plan_of as plan_of_698
from wattwarden.codecs.dtu.site import plan_of
from wattwarden.codecs.gdw376.commands import plan_of as plan_of_376
from wattwarden.codecs.onenet.signature import is_signed
from wattwarden.codecs.pushes.json_body import load
from wattwarden.protocol.codec import Batch, Profile, default_profile
from wattwarden.protocol.command import HEARD, Answer, Command, Peer, Verb
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.recognition import claim
from wattwarden.protocol.session import Session
from wattwarden.tools.errors import UsageError
from wattwarden.tools.simulator.protocols import garbage
from wattwarden.tools.simulator.protocols.acrel_gateway import Gateway
from wattwarden.tools.simulator.protocols.cast import Cast, Doors, Polled, key_for, make_cast
from wattwarden.tools.simulator.protocols.dialect import Dialect
from wattwarden.tools.simulator.protocols.dlt645 import ITEMS_2007
from wattwarden.tools.simulator.protocols.dtu import HEARTBEAT_EVERY, Meter645, Site
from wattwarden.tools.simulator.protocols.measured import measure
from wattwarden.tools.simulator.protocols.pushes import Pushed
from wattwarden.tools.simulator.protocols.rows import us_of
from wattwarden.tools.simulator.protocols.stage import Schedule

SEED = 3
NOW = datetime(2026, 11, 22, 3, 4, 5, 678_900, UTC)
DOORS = Doors("http://127.0.0.1:1", ("127.0.0.1", 2), {"ctwing": "one", "onenet": "two"})


def cast_of(protocol: str, meters: int, doors: Doors = DOORS) -> Cast:
    return make_cast(protocol, meters, 60.0, SEED, doors)


EVERYBODY = cast_of("all", 160)
DIALECTS = {f"{one.codec.name}-{one.address}": one for one in EVERYBODY.callers}
PUSHED = {f"{one.codec.name}-{one.carries or 'model'}": one for one in EVERYBODY.pushed}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_report_becomes_the_rows_of_its_truth(dialect: Dialect) -> None:
    profile = Profile(key=key_for(SEED))
    for turn in (0, 1, 99):
        report = dialect.report(turn, NOW)
        assert claim(port_codecs(), report.frame, 0) == (0, dialect.codec)
        found = rows_of(dialect.codec.name, [report.frame], dialect.address, lambda _: profile)
        assert found == expected(report.rows)
        assert report.rows


@pytest.mark.parametrize("pushed", PUSHED.values(), ids=PUSHED)
def test_a_push_becomes_the_rows_of_its_truth(pushed: Pushed) -> None:
    profile = Profile(options=pushed.options)
    for turn in range(6):
        report = pushed.report(turn, NOW)
        assert rows_of(pushed.codec.name, [report.frame], None, lambda _: profile) == expected(
            report.rows
        )
        assert pushed.codec.name == "ctwing" or is_signed(report.frame, load(report.frame), "two")


SITES = {site.address: site for site in (*EVERYBODY.sites, *cast_of("dlt645", 8).sites)}


@pytest.mark.parametrize("site", SITES.values(), ids=SITES)
def test_what_is_polled_is_answered_with_what_its_truth_says(site: Site) -> None:
    profile = Profile(options=site.options)
    polls = [question for question, _ in plan_of(site.address, profile).questions]
    assert {poll.meter for poll in polls} >= {
        one.address for one in site.meters if isinstance(one, Meter645)
    }
    glued = 0
    for poll in polls:
        [request] = Framer(site.codec.outline).feed(poll.request)
        heard = site.hear(request)
        frames = Framer(site.codec.outline).feed(site.opening + heard.reply)
        assert frames[0] == site.opening
        [reply] = [one for one in frames if one not in (site.opening, site.heartbeat)]
        glued += len(frames) - 2
        asked = {0: poll.request}
        found = rows_of("dtu", [reply], site.address, lambda _: profile, asked=asked)
        assert found == expected(heard.rows)
        assert len(heard.rows) == 1
        assert poll.hear(reply) == HEARD
    assert glued >= len(polls) // (2 * HEARTBEAT_EVERY)


POLLED = {f"{one.dialect.codec.name}-{one.dialect.address}": one for one in EVERYBODY.polled}
PLANS = {"gdw376": plan_of_376, "dlt698": plan_of_698}


@pytest.mark.parametrize("polled", POLLED.values(), ids=POLLED)
def test_who_dials_in_to_be_asked_answers_with_what_its_truth_says(polled: Polled) -> None:
    dialect, profile = polled.dialect, Profile(options=dict(polled.options))
    plan = PLANS[dialect.codec.name](dialect.address, profile)
    assert len(plan.questions) == max(1, len(polled.behind) * len(ITEMS_2007))
    for question, _ in plan.questions:
        heard = dialect.hear(question.request, [], NOW)
        assert question.hear(heard.reply) == HEARD
        found = rows_of(dialect.codec.name, [heard.reply], dialect.address)
        assert found == expected(heard.rows)
        assert len(found) == 1


def commanded(name: str, verb: Verb, *items: str, **values: str) -> Answer:
    """What the last frame says that a meter answers to a command."""
    codec = load_codecs()[name]
    dialect = next(one for one in EVERYBODY.callers if one.codec is codec)
    peer = Peer(dialect.address, dialect.address, Profile(), us_of(NOW))
    assert codec.ask is not None
    [question] = codec.ask(Command(verb, items, values), peer)
    [request] = Framer(codec.outline).feed(question.request)
    heard = dialect.hear(request, [], NOW)
    answers = [question.hear(frame) for frame in Framer(codec.outline).feed(heard.reply)]
    assert answers[-1] is not None
    assert answers[-1].is_last
    return answers[-1]


@pytest.mark.parametrize(
    ("codec", "verb", "items", "values"),
    [
        ("hj212", Verb.ASK, ["time"], {}),
        ("hj212", Verb.SET, [], {"interval": "30"}),
        ("gdw376", Verb.ASK, ["energy"], {}),
        ("gdw376", Verb.SET, [], {"time": "now"}),
        ("dlt698", Verb.ASK, ["voltage"], {}),
        ("dlt698", Verb.ASK, ["voltage", "time"], {}),
        ("dlt698", Verb.SET, [], {"time": "now"}),
    ],
)
def test_a_command_is_answered(
    codec: str, verb: Verb, items: list[str], values: dict[str, str]
) -> None:
    assert not commanded(codec, verb, *items, **values).refused


@pytest.mark.parametrize(("codec", "item"), [("gdw376", "0A.3"), ("dlt698", "40010200")])
def test_a_meter_denies_what_it_does_not_have(codec: str, item: str) -> None:
    assert commanded(codec, Verb.ASK, item).refused


def test_a_meter_refuses_an_item_that_it_does_not_have_and_leaves_those_of_others_alone() -> None:
    [site] = cast_of("dlt645", 2).sites
    [meter, _] = site.meters
    assert isinstance(meter, Meter645)
    heard = site.hear(request_645(meter.address, "0F0F0F0F"))
    frame = heard.reply
    assert site.codec.read(frame, default_profile).fields["carried"] == "error"
    assert not heard.rows
    assert not site.hear(request_645("999999999990", "00010000")).reply


def test_openings_and_heartbeats_are_those_of_their_protocol() -> None:
    kinds = {
        dialect.codec.name: [
            dialect.codec.read(said, default_profile).kind
            for said in (dialect.opening(NOW), dialect.heartbeat(NOW))
            if said
        ]
        for dialect in EVERYBODY.callers
    }
    assert kinds == {
        "acrel": ["register", "heartbeat"],
        "acrel_gateway": ["auth", "heartbeat"],
        "dlms": [],
        "dlt698": ["login", "heartbeat"],
        "gdw376": ["login", "heartbeat"],
        "hj212": ["login", "heartbeat"],
    }


def test_half_of_all_meters_are_polled_and_every_kind_is_there() -> None:
    assert EVERYBODY.asked == 80
    assert len(EVERYBODY.polled) > len(EVERYBODY.polled[0].behind)
    assert 160 <= EVERYBODY.meters <= 163
    assert len(EVERYBODY.senders) > 0
    assert not EVERYBODY.left_out
    assert {entry.codec for entry in EVERYBODY.entries()} == {
        "acrel", "acrel_gateway", "ctwing", "dlms", "dlt698", "dtu", "gdw376", "hj212", "onenet",
    }  # fmt: skip
    names = [(entry.codec, entry.address) for entry in EVERYBODY.entries()]
    assert len(names) == len(set(names))
    assert [entry.codec for entry in EVERYBODY.entries() if entry.has_key] == [
        "acrel_gateway" for one in EVERYBODY.callers if isinstance(one, Gateway)
    ]


def test_kinds_without_a_way_to_the_gateway_are_told() -> None:
    assert cast_of("all", 60, Doors()).left_out == ["acrel over UDP", "ctwing", "onenet"]
    with pytest.raises(UsageError, match="no door"):
        cast_of("ctwing", 3, Doors())
    with pytest.raises(UsageError, match="no protocol 'dlt999'"):
        cast_of("dlt999", 3)


@pytest.mark.parametrize(
    ("protocol", "connections"),
    [("modbus", 3), ("dlt645", 3), ("dtu", 3), ("hj212", 10), ("acrel_gateway", 3), ("onenet", 0)],
)
def test_so_many_meters_of_a_protocol_need_so_many_connections(
    protocol: str, connections: int
) -> None:
    made = cast_of(protocol, 10)
    assert made.connections == connections
    assert 10 <= made.meters <= 12


def test_what_a_meter_measures_is_the_same_again_and_its_counters_go_up() -> None:
    steps = {"voltage_a": measure_step("0.1"), "energy_forward": measure_step("10")}
    looks = [measure(SEED, "M", turn, steps) for turn in range(50)]
    assert looks == [measure(SEED, "M", turn, steps) for turn in range(50)]
    counters = [look["energy_forward"] for look in looks]
    assert counters == sorted(counters)
    assert counters[-1] > counters[0]
    assert len({look["voltage_a"] for look in looks}) > 20


def measure_step(text: str) -> Decimal:
    return Decimal(text)


def test_a_clock_that_cannot_tell_two_turns_apart_runs_faster_up_to_now() -> None:
    schedule = Schedule(NOW, cycle_s=2.0, turns=30)
    shown = [schedule.at(turn, 0.5, step_s=60) for turn in range(30)]
    assert {after - before for before, after in pairwise(shown)} == {timedelta(minutes=1)}
    assert schedule.at(30, 0.5, 60) == schedule.at(30, 0.5, 1) == NOW + timedelta(seconds=60.5)


@pytest.mark.parametrize("drawn", [None, 0.0, 1 - 2**-53], ids=["drawn", "least", "most"])
@pytest.mark.parametrize("kind", range(len(garbage.KINDS)))
def test_garbage_has_no_sound_frame_in_it(
    kind: int, drawn: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if drawn is not None:
        monkeypatch.setattr(garbage, "share", lambda *_: drawn)
    for turn in range(20):
        session = Session(port_codecs(), default_profile, SessionLimits(30, 20, 4096, 65_536), 0)
        session.receive_data(garbage.KINDS[kind](SEED, turn), 0)
        session.end(0)
        for event in session.take_events():
            if isinstance(event, Received):
                assert event.codec.confirm is not None
                assert not event.codec.confirm(Batch.of(event.frames, 0)).any()
