"""Sound frames of HJ 212 from the vectors, and one with encrypted data."""

import pytest
from tests.codecs.hj212_frames import KEY, upload
from tests.codecs.mischief import vectors_of

from wattwarden.codecs.hj212.cipher import encrypt
from wattwarden.codecs.hj212.message import read
from wattwarden.protocol.codec import default_profile

VECTORS = vectors_of("hj212")


GOOD = [vector for vector in VECTORS if vector.accepted]


TIME = "DataTime=20261122105900"


SECRET = upload(TIME, flag="Flag=9;").replace(TIME.encode(), encrypt(TIME.encode(), KEY))


every_good = pytest.mark.parametrize("vector", GOOD, ids=str)


def fields_of(raw: bytes) -> dict[str, object]:
    return dict(read(raw, default_profile).fields)
