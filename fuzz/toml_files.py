"""Invariant: whatever a file of settings, rules or scenarios holds, it is read or refused.

Allowed: RuleError, RoutingError, ForwardTableError, CommandError, by whom reads it, with a message
of some length.  What is read is read again as the same, and has no number without end; numbers of
units are written as a file that says the same; settings that are wrong change nothing, and no
password is told.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, time
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

from fuzz.chosen import DEEP, changed, check_said, names_in, own_folder, put_together, taken_apart
from fuzz.harness import ROOT, Target
from structlog.testing import capture_logs

from wattwarden.alarms.cases.grading import load_grading
from wattwarden.alarms.registry.thresholds import load_thresholds, written
from wattwarden.alarms.routing.table import RoutingError, load_table
from wattwarden.alarms.rulebook import RuleError, load_rules
from wattwarden.protocol.toml_file import read_toml
from wattwarden.server.forward_table import ForwardTableError, read_forward_table
from wattwarden.server.reload import read_again
from wattwarden.server.settings import Settings, load_settings
from wattwarden.tools.errors import CommandError
from wattwarden.tools.running import settings_with
from wattwarden.tools.simulator.scenario import parse_scenario

# What is said quotes what was found, all of it at the worst, each fault by itself.
MOST_SAID: Final = 4
LEAST_SAID_LETTERS: Final = 100_000
SECRET: Final = b"sesame"


def run(data: bytes) -> None:
    """Hold the invariant for one file."""
    name, body = taken_apart(data, NAMES)
    read, refusals = READERS[name]
    try:
        found = read(body)
    except refusals as error:
        check_said(error, MOST_SAID * len(body) + LEAST_SAID_LETTERS)
        return
    assert found == read(body), "read otherwise the second time"


def _text(body: bytes) -> str:
    """The texts of fields come from programs and databases: they are UTF-8 by then."""
    return body.decode(errors="replace")


def _rules(body: bytes) -> Any:
    rules = load_rules(_text(body))
    templates = rules.templates.values()
    numbers = [*rules.numbers.values(), *(one for each in templates for one in each.values())]
    assert all(math.isfinite(one) and one >= 0 for one in numbers), "a number without end"
    return rules


def _thresholds(body: bytes) -> Any:
    thresholds = load_thresholds(_text(body))
    assert load_thresholds(written(thresholds)) == thresholds, "written as something else"
    return thresholds


@cache
def _data() -> Path:
    return own_folder()


def _settings(body: bytes) -> Any:
    """As commands read them; and as a running system does, which they may not disturb."""
    (_data() / "wattwarden.toml").write_bytes(body)
    running = Settings(data=_data() / "none")
    before = running.model_copy(deep=True)
    with capture_logs():
        renewal = read_again(running, lambda: load_settings(data=_data()))
    if renewal.error:
        assert running == before, "what is wrong changed something"
        _check_secret(body, renewal.error)
    try:
        found = settings_with(data=_data())
    except CommandError as error:
        assert renewal.error, "taken while it runs, and not at a start"
        _check_secret(body, str(error))
        raise
    assert not renewal.error, "taken at a start, and not while it runs"
    return found


def _check_secret(body: bytes, said: str) -> None:
    """A password in an address is not told, whatever is wrong with the file."""
    if body.count(SECRET) != 1:
        return
    try:
        address = read_toml(body.decode()).get("dsn")
    except ValueError:
        return
    if isinstance(address, str) and SECRET.decode() in address:
        assert SECRET.decode() not in said, "a password is told"


Reader = Callable[[bytes], Any]
READERS: Final[Mapping[str, tuple[Reader, type[Exception]]]] = {
    "rules": (_rules, RuleError),
    "grading": (lambda body: load_grading(_text(body)), RuleError),
    "thresholds": (_thresholds, RuleError),
    "routing": (lambda body: load_table(_text(body)), RoutingError),
    "forward": (read_forward_table, ForwardTableError),
    "scenario": (lambda body: parse_scenario(_text(body)), CommandError),
    "settings": (_settings, CommandError),
}
NAMES: Final = tuple(READERS)

# --- inputs ---------------------------------------------------------------------------------------

_REMARK: Final = re.compile(r"^\s*#.*\n", re.MULTILINE)
_BLOCK: Final = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# By which page shows files of whom.
_SHOWN: Final = {
    "doors": "settings", "sign-in": "settings", "notices": "routing", "webhooks": "routing",
    "forwarding": "forward", "scenarios": "scenario", "rules": "rules",
}  # fmt: skip
_OWN: Final = """\
version = "2"
[unit.U2]
theta_off = 0.05
"R1.delay_s" = 900
[outlet."O 1"]
a21002 = 35.5
"""
_SET: Final = f"""\
dsn = "postgresql://user:{SECRET.decode()}@localhost/city"
log_level = "warning"
[gateway]
pre_login_s = 5
allowed_networks = ["10.0.0.0/8"]
"""


@cache
def _files() -> tuple[tuple[str, str], ...]:
    """Each file that comes with the program or stands in a page, without its remarks."""
    shipped = {"rules": "rules/default", "grading": "cases/cases", "routing": "routing/routing"}
    found = [
        (name, (ROOT / f"alarms/{at}.toml").read_text("utf-8")) for name, at in shipped.items()
    ]
    found += [
        ("scenario", path.read_text("utf-8"))
        for path in sorted((ROOT / "tools/simulator/scenarios").glob("*.toml"))
    ]
    found += [
        (name, text)
        for page, name in _SHOWN.items()
        for text in _BLOCK.findall((ROOT / f"docs/{page}.md").read_text("utf-8"))
    ]
    found += [("thresholds", _OWN), ("settings", _SET)]
    return tuple((name, _REMARK.sub("", text)) for name, text in found)


def _seeds() -> list[bytes]:
    return [put_together(NAMES, name, text.encode()) for name, text in _files()]


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(names_in([read_toml(text) for _, text in _files()])))


def _mend(data: bytes, rng: Random) -> bytes:
    """Change values of a file, and write it so that it is TOML again."""
    name, body = taken_apart(data, NAMES)
    try:
        tables = read_toml(body.decode())
    except ValueError:
        name, text = rng.choice(_files())
        tables = read_toml(text)
    for _ in range(rng.randrange(3)):
        tables = changed(tables, _names(), rng)
        if not isinstance(tables, dict):
            tables = {"version": tables}
    text = "".join(f"{_key(key)} = {_toml(one)}\n" for key, one in tables.items())
    return put_together(NAMES, name, text.encode(errors="replace"))


def _key(name: str) -> str:
    return json.dumps(name)


def _toml(value: Any) -> str:
    if isinstance(value, bool | str):
        return json.dumps(value)
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(name)} = {_toml(one)}" for name, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, date | time):
        return value.isoformat()
    return "nan" if value is None else repr(value)


TOKENS: Final = (
    b"[", b"]", b"[[", b"]]", b"=", b'"', b"'", b'"""', b"#", b"\n", b"{", b"}", b".", b",",
    b"nan", b"inf", b"-inf", b"1e999", b"0x", b"2026-11-22T03:00:00Z", b"00:00", b"true", b"\xff",
    b"\xd6\xd0", b"9" * 4_400, b"[" * DEEP, b"x" + b".x" * 40,
)  # fmt: skip
TARGET: Final = Target("toml_files", run, _seeds, _mend, TOKENS)
