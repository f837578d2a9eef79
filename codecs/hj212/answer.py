"""The answers to uploads, made once the journal has them."""

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.hj212.cipher import BLOCK_BYTES, begins_sealed, encrypt, is_ciphertext
from wattwarden.codecs.hj212.frame import framed, framed_each
from wattwarden.codecs.hj212.header import (
    CP_BEGIN,
    CP_END,
    HEAD_BYTES,
    VERSION_2025,
    Facts,
    facts_of,
    numbers_and_rests,
    read_header,
    version_of,
)
from wattwarden.protocol.access import OPEN
from wattwarden.protocol.checksum import hj212_many
from wattwarden.protocol.codec import DEFAULT_PROFILE, Batch, Profile, ProfileOf
from wattwarden.protocol.errors import ProtocolError


def profile_for(meter: str | None, profile_of: ProfileOf) -> Profile:
    """Return the profile of a meter, the default for a frame that names none."""
    return DEFAULT_PROFILE if meter is None else profile_of(meter)


def seal(segment: bytes, crc: int, profile: Profile) -> bytes:
    """Make the frame of a segment, its data encrypted when those of the meter are."""
    if profile.key is not None:
        head, mark, data = segment.partition(CP_BEGIN)
        if version_of(read_header(head)) < VERSION_2025:
            return framed(segment, crc)
        try:
            segment = head + mark + encrypt(data[: -len(CP_END)], profile.key) + CP_END
        except ProtocolError:  # a key of the wrong size: what cannot be encrypted is not said
            return b""
    return framed(segment, crc)


def acknowledge(batch: Batch) -> list[bytes]:
    """Return the 9014 for each upload that wants an answer, b"" for every other frame.

    For frames that ``confirm`` has confirmed.  Each part of a split packet is answered by itself;
    what nobody could decrypt, and so nobody could check, is not answered, nor what does not carry
    the password of its meter.
    """
    frames = batch.frames()
    heads = [frame[HEAD_BYTES : frame.find(CP_BEGIN)] for frame in frames]
    numbers, rests = numbers_and_rests(heads)
    facts = list(map(facts_of, rests))
    profiles = [profile_for(one.address, batch.profile_of) for one in facts]
    segments = [
        number + one.answer if one.answer else b""
        for number, one in zip(numbers, facts, strict=True)
    ]
    # Of the others nothing but the header counts.
    special = [
        place
        for place, (one, its) in enumerate(zip(facts, profiles, strict=True))
        if one.may_be_sealed or its.key is not None or its.access is not OPEN or its.options
    ]
    for place in special:
        segments[place] = _answer(segments[place], facts[place], profiles[place], frames[place])
    sums = _checksums(segments)
    answers = framed_each(segments, sums)
    for place in special:
        if answers[place] and profiles[place].key is not None:
            answers[place] = seal(segments[place], int(sums[place]), profiles[place])
    return answers


def _answer(segment: bytes, facts: Facts, profile: Profile, frame: bytes) -> bytes:
    """Return the segment of an answer as the meter's profile wants it, b"" where there is none."""
    if not segment or not profile.access.takes_password(facts.password):
        return b""
    if facts.may_be_sealed and profile.key is None and _is_ciphertext(frame):
        return b""
    data = str(profile.options.get("ack_cp", "")).encode()
    return segment.removesuffix(CP_END) + data + CP_END


def _checksums(segments: list[bytes]) -> NDArray[np.uint16]:
    ends = np.cumsum(np.fromiter(map(len, segments), np.int64, len(segments)))
    starts = np.concatenate([np.zeros(min(1, len(segments)), np.int64), ends[:-1]])
    return hj212_many(np.frombuffer(b"".join(segments), np.uint8), starts, ends)


def _is_ciphertext(frame: bytes) -> bool:
    """Whether the data of a frame look encrypted."""
    data = frame.find(CP_BEGIN) + len(CP_BEGIN)
    if not begins_sealed(frame[data : data + BLOCK_BYTES]):
        return False
    return is_ciphertext(frame[HEAD_BYTES : frame.rfind(CP_END) + len(CP_END)])
