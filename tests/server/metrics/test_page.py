"""What monitoring reads: every number by the table, roles told apart, families never torn."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from wattwarden.protocol.spread import Spread
from wattwarden.server.metrics.families import FAMILIES, Kind
from wattwarden.server.metrics.page import MOST_SAMPLES, Sample, of_process, page, together


def numbers(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The samples of a page, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_counter_carries_its_labels_and_its_role() -> None:
    found = numbers(page("gateway", [Sample("frames_total", 3, ("acrel", "stored"))]))
    labels = frozenset({("role", "gateway"), ("codec", "acrel"), ("outcome", "stored")})
    assert found["wattwarden_frames_total", labels] == 3


def test_a_spread_is_told_in_buckets_that_grow() -> None:
    spread = Spread((1, 2))
    for value in (0.5, 1.5, 9):
        spread.note(value)
    found = numbers(page("gateway", [Sample("ack_seconds", spread)]))
    told = {
        dict(labels).get("le"): value for (name, labels), value in found.items() if "ack" in name
    }
    assert told["1.0"] == 1
    assert told["2.0"] == 2
    assert told["+Inf"] == 3
    assert found["wattwarden_ack_seconds_sum", frozenset({("role", "gateway")})] == 11


def test_labels_cannot_break_out_of_their_line() -> None:
    hostile = 'x"} 1\nwattwarden_sessions 7'
    found = numbers(page("gateway", [Sample("connections_refused_total", 1, (hostile,))]))
    assert not [name for name, _ in found if name == "wattwarden_sessions"]


def test_no_family_grows_without_bound() -> None:
    many = [Sample("connections_closed_total", 1, (f"r{n}",)) for n in range(2 * MOST_SAMPLES)]
    found = numbers(page("gateway", many))
    assert sum(name == "wattwarden_connections_closed_total" for name, _ in found) == MOST_SAMPLES


def test_what_is_in_no_table_is_not_told() -> None:
    with pytest.raises(KeyError):
        page("gateway", [Sample("surprises_total", 1)])


def test_a_number_is_not_told_as_a_spread() -> None:
    with pytest.raises(TypeError, match="ack_seconds"):
        page("gateway", [Sample("ack_seconds", 1)])


def test_pages_of_roles_become_one_with_each_family_in_one_piece() -> None:
    pages = [
        page(role, [Sample("ready", 1), Sample("build_info", 1, ("1",))])
        for role in ("gateway", "writer")
    ]
    whole = together(pages)
    lines = whole.splitlines()
    assert lines.count("# TYPE wattwarden_ready gauge") == 1
    places = [at for at, line in enumerate(lines) if line.startswith("wattwarden_ready{")]
    assert len(places) == 2
    assert places[1] == places[0] + 1
    assert numbers(whole).keys() == numbers(pages[0]).keys() | numbers(pages[1]).keys()


def test_counters_are_named_as_such_and_nothing_else_is() -> None:
    for family in FAMILIES.values():
        assert (family.kind is Kind.COUNTER) == family.name.endswith("_total"), family.name


def test_two_processes_of_a_role_stay_two_series() -> None:
    text = page("gateway", [Sample("connections_refused_total", 2, ('role="gateway"',))])
    found = numbers(together(of_process(text, "gateway", number) for number in (1, 2)))
    refused = [dict(labels) for name, labels in found if "refused" in name]
    assert [one.pop("process") for one in refused] == ["1", "2"]
    assert refused == [{"role": "gateway", "reason": 'role="gateway"'}] * 2
    assert of_process(text, "gateway", 0) == text
