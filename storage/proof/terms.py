"""By what frames are read: a package's profiles, as codecs take them; keys are in no package."""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from wattwarden.protocol.codec import DEFAULT_PROFILE, Profile, ProfileOf
from wattwarden.storage.profiles import ProfileBody, zone_of
from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.frames import END_OF_TIME, Era, Sent
from wattwarden.storage.proof.said import Terms
from wattwarden.storage.rows.binding import ClockBounds

# Each may cost a child process; a firm of a hundred meters changes all its profiles at once twice.
MAX_ERAS: Final = 256


def reading_terms(terms: docs.Terms, sent: Sequence[Sent]) -> Terms:
    """Return by what frames are read.

    Raises:
        ValueError: Profiles change more often than ``MAX_ERAS``, or one is none.
    """
    bounds = ClockBounds(terms.ahead_s, terms.retention_days, terms.future_days)
    codecs = {one.codec for one in sent}
    return Terms({codec: _eras(codec, terms.profiles) for codec in codecs}, bounds)


def _eras(codec: str, records: Collection[docs.ProfileRecord]) -> list[Era]:
    mine = sorted(
        (one for one in records if one.codec == codec), key=lambda one: (one.since, one.version)
    )
    edges = sorted({0} | {one.since for one in mine})
    if len(edges) > MAX_ERAS:
        message = f"profiles of {codec} change {len(edges)} times, MAX_ERAS is {MAX_ERAS}"
        raise ValueError(message)
    profiles: dict[str, Profile] = {}
    eras: list[Era] = []
    for since, until in pairwise([*edges, END_OF_TIME]):
        profiles |= {one.address: _profile(one) for one in mine if one.since == since}
        eras.append(Era(_among(dict(profiles)), since, until))
    return eras


def _among(profiles: dict[str, Profile]) -> ProfileOf:
    return lambda address: profiles.get(address, DEFAULT_PROFILE)


def _profile(record: docs.ProfileRecord) -> Profile:
    body = msgspec.convert(record.body, ProfileBody)
    return Profile(
        zone_of(body.zone), body.cycle_s, None, body.options, record.version, body.clock,
        body.listener,
    )  # fmt: skip
