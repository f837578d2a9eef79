"""Actions and evidence: what each verb needs, and what it has no use for."""

import pytest
from tests.alarms.cases.made import NEEDED, RAISED, action

from wattwarden.alarms.cases.bodies import FORMS, Action, Evidence, Verb
from wattwarden.alarms.decisions.body import Reference


def fields(body: Action | Evidence) -> list[str]:
    return [problem.field for problem in body.contradictions()]


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_with_what_it_needs_can_stand(verb: Verb) -> None:
    assert fields(action(verb)) == []


@pytest.mark.parametrize(
    ("verb", "field"),
    [(verb, field) for verb, (needed, _) in FORMS.items() for field in sorted(needed)],
    ids=str,
)
def test_a_verb_without_what_it_needs_cannot(verb: Verb, field: str) -> None:
    given = {name: value for name, value in NEEDED[verb].items() if name != field}
    assert field in fields(Action(id="AC1", alarm="12", verb=verb, **given))


@pytest.mark.parametrize("verb", [Verb.ACK, Verb.COMMENT, Verb.VERIFY, Verb.CLOSE])
def test_a_verb_has_no_field_of_another_s(verb: Verb) -> None:
    assert fields(action(verb, part="皮带")) == ["part"]


def test_every_verb_may_give_a_reason() -> None:
    assert all(fields(action(verb, reason="说明")) == [] for verb in Verb)


def test_evidence_is_named_by_its_hash() -> None:
    assert fields(action(Verb.COMMENT, evidence=("photo.jpg",))) == ["evidence"]
    assert fields(evidence(sha256="photo.jpg")) == ["sha256"]
    assert fields(evidence()) == []


def test_an_action_concerns_its_alarm_and_may_name_a_declaration() -> None:
    assert action(Verb.ACK).references() == (Reference("alarm", "alarm", "12"),)
    assert action(Verb.DECLARE).references()[1] == Reference("declaration", "declaration", "DC1")
    assert evidence().references() == (Reference("subject", "task", "TK3"),)


def evidence(sha256: str = "ab" * 32) -> Evidence:
    return Evidence(
        id="EV1",
        about="task",
        subject="TK3",
        sha256=sha256,
        size=3,
        media="image/jpeg",
        name="现场.jpg",
        received_at=RAISED,
    )


def test_each_verb_takes_a_right_of_its_own() -> None:
    assert action(Verb.ACK).right() == "action.ack"
    assert len({action(verb).right() for verb in Verb}) == len(Verb)
