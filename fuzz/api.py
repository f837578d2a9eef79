"""Invariant: whatever a program asks or sends is taken or refused in bounds, never with a 5xx.

Allowed: PageError of 4xx and RefusedError, which are told as an answer of some length; RuleError of
rule files.  Nothing of links, marks, moments and days.  What is taken is written and read back as
the same; cursors lead on from what was given, bounds of times hold; no link opens that nobody
sealed.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

import msgspec
from aiohttp.test_utils import make_mocked_request
from fuzz.chosen import changed, names_in, own_folder, put_together, taken_apart
from fuzz.harness import Target
from tests.alarms.registry.firm import FIRM
from tests.storage.acting.two_firms import of_city, of_firm
from yarl import URL

from wattwarden.alarms.decisions.body import Body
from wattwarden.alarms.decisions.kinds import check_body
from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.alarms.rulebook import RuleError, default_text, load_rules
from wattwarden.console.api.asked import (
    Shown,
    Stretch,
    asked_for,
    bounds,
    cursor_of,
    earlier,
    key_of,
)
from wattwarden.console.api.deeds import DECIDED, Wished
from wattwarden.console.api.judging import Checking
from wattwarden.console.api.routes import OTHERS, RESOURCES
from wattwarden.console.api.sent import check_match, read
from wattwarden.console.doors import PageError, language_of, problem
from wattwarden.console.drawing.span import days_of
from wattwarden.console.keys import KeyRing
from wattwarden.console.links import Answer, Trouble, answer_address, read_answer, read_invitation
from wattwarden.console.moments import asked_moment
from wattwarden.console.seals import form_mark, is_form_mark
from wattwarden.console.visit import Visit

NOW: Final = datetime(2026, 11, 22, 3, tzinfo=UTC)
DAY_S: Final = 86_400.0
# Of an answer: what was asked is quoted in it, and escaped.
MOST_QUOTED: Final = 12
LEAST_ANSWER_BYTES: Final = 200_000
SECRET: Final = bytes(range(32))

ASKED: Final[set[type[Shown]]] = {Stretch}.union(
    (one.filters for one in RESOURCES), (one.asked for one in OTHERS)
)
FILTERS: Final = {one.__name__: one for one in sorted(ASKED, key=lambda one: one.__name__)}
KEYS: Final = tuple(sorted({one.key for one in RESOURCES}, key=repr))
MODELS: Final[Mapping[str, Any]] = {
    **DECIDED,
    "wished": Wished,
    **{one.name: one.body for one in OTHERS if isinstance(one.body, type)},
    # One address takes records of every kind of the registry.
    **KINDS,
}


def run(data: bytes) -> None:
    """Hold the invariant for one request."""
    name, body = taken_apart(data, NAMES)
    try:
        RUNS[name](body)
    except (PageError, RefusedError) as error:
        _check_refusal(error, body)


def _check_refusal(error: PageError | RefusedError, body: bytes) -> None:
    if isinstance(error, RefusedError):
        assert error.problems, "refused without a problem"
        return
    assert 400 <= error.status < 500, f"a mistake of ours: {error.status}"
    answer = problem(error, language_of(_request("lang=zh")))
    said = cast("bytes", answer.body)
    assert len(said) <= MOST_QUOTED * len(body) + LEAST_ANSWER_BYTES, "an answer without end"
    assert SECRET.hex().encode() not in said, "a secret is told"


@cache
def _blank() -> Any:
    return make_mocked_request("GET", "/")


def _request(query: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    address = URL.build(path="/", query_string=query, encoded=True)
    return _blank().clone(rel_url=address, headers=named)


def _visit(query: str) -> Visit:
    return cast("Visit", SimpleNamespace(request=_request(query)))


def _text(body: bytes) -> str:
    """As addresses and headers are read: bytes that are no letters stay what they were."""
    return body.decode(errors="surrogateescape")


def _asked(model: type[Shown], body: bytes) -> None:
    try:
        visit = _visit(_text(body))
    except ValueError:
        # The server refuses such an address before it is anybody's.
        return
    found = asked_for(model, visit)
    assert asked_for(model, visit) == found, "read otherwise the second time"
    after = getattr(found, "after", None)
    if after is not None:
        key_of(after, KEYS[0])
    if isinstance(found, Stretch):
        since, until = bounds(found, NOW, DAY_S, 400 * DAY_S)
        assert timedelta() < until - since <= timedelta(days=400), "a time without bounds"
        earlier(since, timedelta(days=1))


def _cursor(body: bytes) -> None:
    for like in KEYS:
        key = key_of(_text(body), like)
        assert key is not None, "a cursor that leads nowhere"
        assert key_of(cursor_of(key), like) == key, "written as another"


def _body(model: Any, body: bytes) -> None:
    found = read(body, model)
    assert read(msgspec.json.encode(found), model) == found, "written as something else"
    if isinstance(found, Body):
        check_body(found)
        list(found.references())


def _rules(body: bytes) -> None:
    text = read(body, Checking).text
    try:
        load_rules(text)
    except RuleError as error:
        assert error.faults, "refused without a fault"  # noqa: PT017  no test of what is raised


def _tag(body: bytes) -> None:
    text = body.decode("latin-1")
    request = _request("", If_Match=text, If_None_Match=text, Accept_Language=text, Cookie=text)
    assert language_of(request) in {"zh", "en"}, "a language that is none"
    check_match(request, '"a"')
    list(request.if_none_match or ())


@cache
def _keys() -> KeyRing:
    ring = KeyRing(own_folder(), lambda: round(NOW.timestamp() * 1_000_000))
    ring.sealing()
    return ring


def _link(body: bytes) -> None:
    text = _text(body)
    sealed = answer_address("", _keys(), Answer.of(7, "P2", NOW)).rpartition("/")[2]
    for opened in (read_answer(_keys(), text), read_invitation(_keys(), text)):
        assert isinstance(opened, Trouble) or text == sealed, "a link that nobody sealed opens"
    mark = form_mark(_keys(), text)
    assert not mark or is_form_mark(_keys(), text, mark), "a mark that is none"


def _time(body: bytes) -> None:
    text = _text(body)
    at = asked_moment(text)
    assert at is None or at.tzinfo is UTC, "a moment that is none"
    first, _, last = text.partition(" ")
    days = days_of(first, last, NOW, timedelta(7), timedelta(31))
    assert days.first <= days.last <= NOW.date(), "days that are not over"
    assert days.last - days.first <= timedelta(31), "more days than are shown"
    assert days.since < days.until, "a time without end"


Reader = Callable[[bytes], None]
RUNS: Final[Mapping[str, Reader]] = {
    **{f"asked {name}": partial(_asked, model) for name, model in FILTERS.items()},
    **{f"body {name}": partial(_body, model) for name, model in MODELS.items()},
    "cursor": _cursor,
    "rules": _rules,
    "tag": _tag,
    "link": _link,
    "time": _time,
}
NAMES: Final = tuple(RUNS)

# --- inputs ---------------------------------------------------------------------------------------

QUERIES: Final = (
    b"limit=50&lang=zh", b"since=2026-11-01T00:00:00Z&until=2026-11-22T00:00:00%2B08:00",
    b"enterprise=E1&format=csv", b"by=enterprise", b"after=WzE3LDNd", b"dry_run=true",
    b"about=alarm&subject=7&name=a.jpg&note=%E4%BF%AE", b"state=raised&state=ended&open=true",
)  # fmt: skip
PLAIN: Final[Mapping[str, object]] = {
    "wished": {"command": {"ask": {"quantities": ["voltage"]}}, "waits_s": 60},
    "rules": {"text": "[state]\ntheta_off = 0.1\n"},
}


@cache
def _bodies() -> Mapping[str, object]:
    """One of each kind of body that there is an example of."""
    known = {one.kind_name: msgspec.to_builtins(one) for one in (*of_city(), *of_firm("E1", 7))}
    known |= {kind: msgspec.to_builtins(one) for kind, one in FIRM}
    return {name: known[name] for name in MODELS if name in known}


@cache
def _seeds() -> list[bytes]:
    inputs: list[tuple[str, bytes]] = [
        (f"asked {name}", QUERIES[at % len(QUERIES)]) for at, name in enumerate(FILTERS)
    ]
    inputs += [(f"body {name}", msgspec.json.encode(one)) for name, one in _bodies().items()]
    inputs += [(f"body {name}", b"{}") for name in MODELS if name not in _bodies()]
    inputs += [("cursor", cursor_of(key).encode()) for key in KEYS]
    sealed = answer_address("", _keys(), Answer.of(7, "P2", NOW)).rpartition("/")[2]
    inputs += [
        ("rules", msgspec.json.encode(PLAIN["rules"])),
        ("rules", msgspec.json.encode({"text": default_text()[:3_000]})),
        ("body wished", msgspec.json.encode(PLAIN["wished"])),
        ("tag", b'"a", W/"b", *'), ("tag", b"zh-CN,zh;q=0.9,en;q=0.8"), ("link", sealed.encode()),
        ("time", b"2026-11-01 2026-11-22"), ("time", b"2026-11-22T03:00:00+08:00"),
    ]  # fmt: skip
    return [put_together(NAMES, name, body) for name, body in inputs]


@cache
def _names() -> tuple[str, ...]:
    fields = {one for model in FILTERS.values() for one in model.model_fields}
    return tuple(sorted(fields | names_in(list(_bodies().values())) | names_in(dict(PLAIN))))


def _mend(data: bytes, rng: Random) -> bytes:
    """Make JSON of a body with other values, a query of pairs, a cursor of what it may hold."""
    name, body = taken_apart(data, NAMES)
    if name.startswith("asked ") or name == "tag":
        return put_together(NAMES, name, body + b"&" + _pair(rng)) if rng.random() < 0.5 else data
    if name == "cursor":
        parts = [
            rng.choice((0, 17, -1, 2**63, "E1", "\x00", "x" * 99)) for _ in range(rng.randrange(4))
        ]
        made = base64.urlsafe_b64encode(msgspec.json.encode(parts)) if _fits(parts) else b"WzFd"
        return put_together(NAMES, name, made.rstrip(b"="))
    if not name.startswith(("body ", "rules")):
        return data
    try:
        tree = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = rng.choice([*_bodies().values(), *PLAIN.values()])
    for _ in range(rng.randrange(3)):
        tree = changed(tree, _names(), rng)
    try:
        return put_together(NAMES, name, msgspec.json.encode(tree))
    except (OverflowError, UnicodeEncodeError):
        return data


def _fits(parts: list[Any]) -> bool:
    return all(isinstance(one, str) or abs(one) < 2**63 for one in parts)


def _pair(rng: Random) -> bytes:
    value = rng.choice((*QUERIES, b"true", b"1e9", b"-1", b"%00", b"%ff", b"9" * 30, b"NaN", b""))
    return rng.choice(_names()).encode(errors="replace") + b"=" + value.rpartition(b"=")[2]


TOKENS: Final = (
    b"{", b"}", b"[", b"]", b'"', b":", b",", b"\\u0000", b"\\ud800", b"null", b"1e999",
    b"[" * 3_000,
    b'"id":"new"', b'"reason":"', b"&", b"=", b"%00", b"%ED%A0%80", b"limit=", b"after=", b"since=",
    b"9999-12-31T23:59:59Z", b"0001-01-01T00:00:00+14:00", b"*", b'W/"', b"\xff", b"\r\n", b";q=",
    b"9" * 4_400, "\u202e".encode(), "一".encode(), b"../", b"<script>",
)  # fmt: skip
TARGET: Final = Target("api", run, _seeds, _mend, TOKENS)
