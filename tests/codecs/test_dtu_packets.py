"""DTUs: which bytes announce one, and how many questions a plan holds."""

from typing import Any

import pytest

from wattwarden.codecs.dlt645 import request as request_645
from wattwarden.codecs.dtu.packets import NONE, UNTOLD, Packets
from wattwarden.codecs.dtu.site import MOST_POLLS, plan_of
from wattwarden.protocol.codec import Profile

METER = "170516665384"


@pytest.mark.parametrize(
    ("said", "end"),
    [
        pytest.param(b"TT0042", 6, id="the first"),
        pytest.param(b"ZZ-7", 4, id="the second"),
        pytest.param(b"7-ZZ", 4, id="one that begins with a digit"),
        pytest.param(b"TT0042TT", 6, id="whole, with the next behind"),
        pytest.param(b"TT00", UNTOLD, id="the first begun"),
        pytest.param(b"ZZ", UNTOLD, id="the second begun"),
        pytest.param(b"TT00x2", NONE, id="a letter for a digit"),
        pytest.param(b"ZZ-", UNTOLD, id="all but the digit"),
        pytest.param(b"ZZ7", NONE, id="another text"),
        pytest.param(b"TZ", NONE, id="the beginning of neither"),
    ],
)
def test_a_registration_ends_where_its_template_does(said: bytes, end: int) -> None:
    packets = Packets({}, templates=[b"TT####", b"ZZ-#", b"#-ZZ"])
    assert packets.end(said, 0) == end
    assert packets.end(b"x" + said, 1) == (end + 1 if end > 0 else end)


def test_no_more_is_polled_than_a_plan_holds() -> None:
    items = [f"{number:08X}" for number in range(0x02010000, 0x02010000 + MOST_POLLS + 9)]
    meters: list[dict[str, Any]] = [
        {"address": METER, "items": items}, {"slave": 1, "type": "dds238"},
    ]  # fmt: skip
    plan = plan_of("dtu", Profile(options={"meters": meters}))
    requests = [question.request for question, _ in plan.questions]
    assert requests == [request_645(METER, item) for item in items[:MOST_POLLS]]
