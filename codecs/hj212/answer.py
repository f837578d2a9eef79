"""The answers to uploads, made once the journal has them."""

import numpy as np

from wattwarden.codecs.hj212.cipher import BLOCK_BYTES, begins_sealed, encrypt, is_ciphertext
from wattwarden.codecs.hj212.frame import framed
from wattwarden.codecs.hj212.header import (
    CP_BEGIN,
    CP_END,
    HEAD_BYTES,
    VERSION_2025,
    facts_of,
    number_and_rest,
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
    answers = [b""] * len(batch)
    places: list[int] = []
    segments: list[bytes] = []
    profiles: list[Profile] = []
    for index, frame in enumerate(batch.frames()):
        at = frame.find(CP_BEGIN)
        number, rest = number_and_rest(frame[HEAD_BYTES:at])
        _, address, _, _, _, answer, may_be_sealed, password, _ = facts_of(rest)
        if not answer:
            continue
        profile = profile_for(address, batch.profile_of)
        if profile.access is not OPEN and not profile.access.takes_password(password):
            continue
        if may_be_sealed and profile.key is None and _is_ciphertext(frame, at):
            continue
        data = str(profile.options.get("ack_cp", "")).encode() if profile.options else b""
        places.append(index)
        segments.append(number + answer + data + CP_END)
        profiles.append(profile)
    for place, segment, crc, profile in zip(
        places, segments, _checksums(segments), profiles, strict=True
    ):
        plain = profile.key is None
        answers[place] = framed(segment, crc) if plain else seal(segment, crc, profile)
    return answers


def _checksums(segments: list[bytes]) -> list[int]:
    ends = np.cumsum(np.fromiter(map(len, segments), np.int64, len(segments)))
    starts = np.concatenate([np.zeros(min(1, len(segments)), np.int64), ends[:-1]])
    sums: list[int] = hj212_many(np.frombuffer(b"".join(segments), np.uint8), starts, ends).tolist()
    return sums


def _is_ciphertext(frame: bytes, data_mark: int) -> bool:
    """Whether the data of a frame, behind the mark at which they begin, look encrypted."""
    data = data_mark + len(CP_BEGIN)
    if not begins_sealed(frame[data : data + BLOCK_BYTES]):
        return False
    return is_ciphertext(frame[HEAD_BYTES : frame.rfind(CP_END) + len(CP_END)])
