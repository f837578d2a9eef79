"""What each kind of decision refers to: first whom it concerns, then what has to be there."""

import json

import pytest

from wattwarden.alarms.decisions.body import Reference
from wattwarden.alarms.decisions.kinds import check_body, decode_body
from wattwarden.alarms.registry.problems import RefusedError

AT, LATER = "2026-11-22T04:00:00Z", "2026-11-23T04:00:00Z"
DRAFT = {"version": "2", "text": "x = 1", "draft": "ND1"}
CURB = {"scope": "unit", "subject": "U1", "measure": "stop"}
SPAN = {"start": AT, "end": LATER}
SILENCE = {"id": "SL1", "enterprise": "E1", "reason": "换表", **SPAN}
LESSON = {"id": "TR1", "guidance": "training", "title": "操作", "at": AT}
HELP = {"id": "AS1", "enterprise": "E1", "topic": "permit", "problem_text": "许可证到期"}

CASES = [
    ("rules", {"version": "2", "text": "x = 1"}, []),
    ("rules", {"version": "2", "text": "x = 1", "draft": "ND1"}, ["draft norm_draft ND1"]),
    ("grading", DRAFT, ["draft norm_draft ND1"]),
    ("thresholds", DRAFT, ["draft norm_draft ND1"]),
    ("norm_refusal", {"draft": "ND1", "reason": "过严"}, ["draft norm_draft ND1"]),
    (
        "plan",
        {"id": "PL1", "scope": "line", "subject": "L1", "measure": "stop", **SPAN},
        ["subject line L1"],
    ),
    (
        "declaration",
        {"id": "DC1", "scope": "unit", "subject": "U2", "kind": "maintenance", **SPAN},
        ["subject unit U2"],
    ),
    (
        "consumable",
        {"id": "CS1", "unit": "U2", "kind": "bag", "replaced_at": AT, "limit_days": 90},
        ["unit unit U2"],
    ),
    (
        "replacement",
        {"id": "RP1", "consumable": "CS1", "replaced_at": AT},
        ["consumable consumable CS1"],
    ),
    (
        "carbon",
        {"id": "CB1", "consumable": "CS1", "mass_kg": 800, "share": 0.15, "reduction_mg_m3": 30,
         "flow_m3_h": 10_000, "hours_per_day": 8},
        ["consumable consumable CS1"],
    ),
    (
        "waste",
        {"id": "WS1", "replacement": "RP1", "code": "900-039-49", "mass_kg": 800,
         "container": "B1", "stored_at": AT},
        ["replacement replacement RP1"],
    ),
    (
        "consumable_check",
        {"id": "CC1", "replacement": "RP1", "result": "pass"},
        ["replacement replacement RP1"],
    ),
    (
        "inspection_step",
        {"inspection": "IN1", "verb": "conclude", "at": AT},
        ["inspection inspection IN1"],
    ),
    (
        "preset",
        {"id": "PS1", "enterprise": "E1", "level": "red", "curbs": [CURB]},
        ["enterprise enterprise E1", "curbs unit U1"],
    ),
    (
        "response",
        {"id": "RE1", "level": "red", "regions": ["R1", "R2"], **SPAN},
        ["regions region R1", "regions region R2"],
    ),
    (
        "response_step",
        {"id": "RS1", "response": "RE1", "verb": "change", "regions": ["R1"]},
        ["response response RE1", "regions region R1"],
    ),
    ("response_step", {"id": "RS1", "response": "RE1", "verb": "close"}, ["response response RE1"]),
    (
        "calendar",
        {"id": "CA1", "name": "错峰", "spans": [SPAN], "measure": "stop", "industry": "水泥"},
        [],
    ),
    (
        "calendar",
        {"id": "CA1", "name": "错峰", "spans": [SPAN], "measure": "stop", "scope": "line",
         "subject": "L1"},
        ["subject line L1"],
    ),
    ("reach", {"id": "P1"}, ["id person P1"]),
    ("silence", SILENCE, ["enterprise enterprise E1"]),
    ("silence", {**SILENCE, "unit": "U2"}, ["enterprise enterprise E1", "unit unit U2"]),
    ("silence_end", {"silence": "SL1"}, ["silence silence SL1"]),
    ("assistance", HELP, ["enterprise enterprise E1"]),
    (
        "assistance_step",
        {"assistance": "AS1", "deed": "accept"},
        ["assistance assistance AS1"],
    ),
    (
        "assistance_step",
        {"assistance": "AS1", "deed": "schedule", "at": LATER, "person": "P1"},
        ["assistance assistance AS1", "person person P1"],
    ),
    (
        "solution",
        {**HELP, "solution": "已换证"},
        ["enterprise enterprise E1"],
    ),
    (
        "solution",
        {**HELP, "solution": "已换证", "round_table": "RT1"},
        ["enterprise enterprise E1", "round_table round_table RT1"],
    ),
    (
        "training",
        {**LESSON, "enterprises": ["E1", "E2"]},
        ["enterprises enterprise E1", "enterprises enterprise E2"],
    ),
    (
        "round_table",
        {"id": "RT1", "title": "座谈", "at": AT, "enterprises": ["E1"]},
        ["enterprises enterprise E1"],
    ),
    ("reminder", {"id": "RM1", "text": "换证", "industry": "水泥"}, []),
    ("reminder", {"id": "RM1", "text": "换证", "enterprise": "E1"}, ["enterprise enterprise E1"]),
    (
        "reminder_read",
        {"enterprise": "E1", "reminder": "RM1"},
        ["enterprise enterprise E1", "reminder reminder RM1"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "given", "named"), CASES, ids=[f"{kind} {len(to)}" for kind, _, to in CASES]
)
def test_a_decision_names_whom_it_concerns_and_what_has_to_be_there(
    kind: str, given: dict[str, object], named: list[str]
) -> None:
    references = decode_body(kind, json.dumps(given)).references()
    assert [" ".join(one) for one in references] == named
    assert all(isinstance(one, Reference) for one in references)


@pytest.mark.parametrize(
    ("kind", "given", "problems"),
    [
        ("silence", {**SILENCE, "end": "2026-12-23T04:00:00Z"}, []),
        (
            "silence",
            {**SILENCE, "end": "2026-12-23T04:00:01Z"},
            ["a silence lasts 31 days at most"],
        ),
        ("silence", {**SILENCE, "end": AT}, ["the end is not after the start"]),
        ("training", {**LESSON, "industry": "水泥"}, []),
        ("round_table", {"id": "RT1", "title": "x", "at": AT, "enterprises": ["E1"]}, []),
        ("reminder", {"id": "RM1", "text": "换证", "industry": "水泥"}, []),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_stand_is_said(
    kind: str, given: dict[str, object], problems: list[str]
) -> None:
    body = decode_body(kind, json.dumps(given))
    assert [problem.en for problem in body.contradictions()] == problems
    if not problems:
        check_body(body)


def test_proof_of_a_replacement_is_named_by_its_digest() -> None:
    given = {"id": "RP1", "consumable": "CS1", "replaced_at": AT, "evidence": ["photo.jpg"]}
    with pytest.raises(RefusedError, match="SHA-256, 64 hex digits"):
        check_body(decode_body("replacement", json.dumps(given)))
    check_body(decode_body("replacement", json.dumps(given | {"evidence": ["ab" * 32]})))
