"""Which senders a package shows."""

from datetime import timedelta

from msgspec.structs import replace
from tests.codecs.test_dtu import MAC, METER_645, reply_645
from tests.storage.proof.place import Place, with_ticks
from tests.storage.proof.scene import BOUNDS, PLOT, START, WHEN, address, envelope, frame

from wattwarden.protocol.codec import Profile
from wattwarden.protocol.envelope import Envelope, decode_envelope, encode
from wattwarden.storage.journal.entry import Entry, Kind
from wattwarden.storage.meters import add_meter
from wattwarden.storage.moments import us_of
from wattwarden.storage.profiles import ProfileBody
from wattwarden.storage.proof.documents import Terms
from wattwarden.storage.proof.showing import Sought, load_shown
from wattwarden.storage.proof.stored import load_said
from wattwarden.storage.warden.steps import meter_ids

SITE = {"prefix": f"hex:{MAC.hex()}"}


def of_dtus(number: int) -> list[Entry]:
    """An entry of two DTUs, behind each of which a meter answers, and one of an acrel meter."""
    at = START + timedelta(seconds=number * PLOT.cycle_s)
    received = us_of(at) + 1
    frames = [
        ("site", MAC + reply_645(220.0 + number), received),
        ("other", MAC + reply_645(230.0)[:-3], received),
    ]
    made = decode_envelope(envelope(frames, 2 * number + 1))
    assert isinstance(made, Envelope)
    payloads = [
        encode(replace(made, codec="dtu")),
        envelope([(address(1), frame(address(1), at, 0.5, number), received)], 2 * number + 2),
    ]
    return [
        Entry(0, Kind.FRAMES, f"m{number}.{place}", payload, at + timedelta(seconds=1))
        for place, payload in enumerate(payloads)
    ]


async def test_a_meter_behind_a_dtu_is_found_by_the_profile_of_the_dtu(place: Place) -> None:
    place.journal.entries = with_ticks([one for n in range(3) for one in of_dtus(n)])
    await place.write({("dtu", "site"): Profile(options=SITE, version=1)})
    body = ProfileBody(options=SITE)
    await add_meter(place.store, "dtu", "site", profile=body, actor="x", now=START)

    name = f"dtu:{METER_645}"
    ids = await meter_ids(place.store, [name])
    since = us_of(START)
    stored = await load_said(place.store, ids, since, since + 86_400_000_000)
    assert len(stored.said[name].readings["at"]) == 3
    terms = Terms([], [], BOUNDS.ahead_s, BOUNDS.retention_days, BOUNDS.future_days)
    sought = Sought(stored.said, terms, set(), None, stored.upto, WHEN)
    shown = await load_shown(place.store, place.source(), sought)
    senders = {(one.codec, one.identity) for each in shown for one in each.frames}
    assert senders == {("dtu", "site")}
