"""Which frames of a batch are sound: checksums of thousands at once, ciphertext one by one."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wattwarden.codecs.hj212.frame import CRC_BYTES, CRLF, HEAD, HEX_DIGITS, take_apart
from wattwarden.codecs.hj212.header import HEAD_BYTES
from wattwarden.codecs.hj212.plaintext import UnknownKeyError, plain_of
from wattwarden.protocol.checksum import hj212_many
from wattwarden.protocol.codec import Batch
from wattwarden.protocol.errors import ProtocolError

_NO_DIGIT: Final = 255
_HEX_VALUE: Final = np.array(
    [int(chr(byte), 16) if byte in HEX_DIGITS else _NO_DIGIT for byte in range(256)], np.uint8
)


def bounds_of(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each segment begins and ends, and whether its checksum fits its raw bytes."""
    data = np.frombuffer(batch.data, np.uint8)
    first, behind = batch.offsets[:-1], batch.offsets[1:]
    starts = first + HEAD_BYTES
    good = behind - starts >= CRC_BYTES
    heads = first * good
    length = np.zeros(len(batch), np.int64)
    if len(data) < HEAD_BYTES:
        return starts, starts, np.zeros(len(batch), bool)
    good &= (data[heads] == HEAD[0]) & (data[heads + 1] == HEAD[0])
    for place in range(2, HEAD_BYTES):
        digit = data[heads + place].astype(np.int64) - ord("0")
        good &= (digit >= 0) & (digit <= 9)
        length = length * 10 + digit
    ends = starts + length
    good &= ends + CRC_BYTES <= behind
    ends *= good
    stated = np.zeros(len(batch), np.int64)
    for place in range(CRC_BYTES if good.any() else 0):
        digit = _HEX_VALUE[data[ends + place]]
        good &= digit < 16
        stated = stated * 16 + digit
    starts *= good
    ends *= good
    good &= hj212_many(data, starts, ends) == stated
    for index in np.flatnonzero(good & ~_end_well(data, ends + CRC_BYTES, behind)).tolist():
        tail = batch.data[int(ends[index]) + CRC_BYTES : int(behind[index])]
        good[index] = tail == CRLF or not tail.strip(CRLF)
    return starts, ends, good


def _end_well(
    data: NDArray[np.uint8], tails: NDArray[np.int64], behind: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether frames end with CR LF, or with nothing behind the checksum."""
    size = behind - tails
    ended: NDArray[np.bool_] = size == len(CRLF)
    at = tails * ended
    ended &= (data[at] == CRLF[0]) & (data[at + 1] == CRLF[1])
    well: NDArray[np.bool_] = ended | (size == 0)
    return well


def opened(batch: Batch, index: int) -> bytes:
    """Return the plain segment of a frame that is none as sent.  Raises ProtocolError."""
    identity = batch.identities[batch.session[index]]
    return plain_of(take_apart(batch.frame(index)), batch.profile_of, identity)


def confirm(batch: Batch) -> NDArray[np.bool_]:
    """Tell of each frame whether its checksum fits, ciphertext being decrypted first.

    True too for ciphertext of a meter whose key is not known: it is kept whole until it is, and
    nobody answers for it.
    """
    good = bounds_of(batch)[2]
    for index in np.flatnonzero(~good).tolist():
        good[index] = _is_to_be_kept(batch, index)
    return good


def _is_to_be_kept(batch: Batch, index: int) -> bool:
    try:
        opened(batch, index)
    except UnknownKeyError:
        return True
    except ProtocolError:
        return False
    return True
