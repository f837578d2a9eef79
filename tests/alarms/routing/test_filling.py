"""What templates may name is what a notice has, no more and no less."""

import pytest
from tests.alarms.channels.support import MESSAGE
from tests.alarms.routing.test_route import EVENING, event

from wattwarden.alarms.channels.texts import parts
from wattwarden.alarms.routing.filling import MOMENTS, PARTS
from wattwarden.alarms.routing.route import Reason
from wattwarden.alarms.routing.words import Matter, word

MATTER = Matter(
    enterprise="E1",
    firm="某水泥",
    line="",
    what="",
    rule=("减速", "slowed"),
    said=("风机减速", "the fan is slowed"),
    raised=EVENING,
    ended=None,
    deadline=None,
)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_template_may_name_what_a_notice_has(language: str) -> None:
    fields = word(event(), MATTER, Reason.FIRST, language).fields
    assert {*parts(MESSAGE), *fields} - {*MESSAGE.fields} | set(fields) == PARTS
    always = {**parts(MESSAGE), **fields}
    assert all(always[name] for name in MOMENTS)
