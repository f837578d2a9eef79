"""Time-stamps of an authority that OpenSSL plays."""

import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.storage.proof.scene import WHEN, Scene

from wattwarden.storage.proof.build import Shown, build
from wattwarden.storage.proof.stamps import (
    MAX_TOKEN_BYTES,
    StampError,
    read_stamp,
    request_of,
    token_of,
)
from wattwarden.storage.proof.statement import Root
from wattwarden.storage.proof.verdict import Standing
from wattwarden.storage.proof.verify import verify

DATA = b"a statement"
CONFIG = """\
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""
KEYS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}

Answer = Callable[[bytes], bytes]


@pytest.fixture(scope="module", params=KEYS)
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Answers requests as a time-stamping authority does."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to play the authority")
    folder = tmp_path_factory.mktemp("tsa")

    def told(*words: str | Path) -> None:
        done = subprocess.run([openssl, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    told(
        "req", "-x509", "-newkey", *KEYS[request.param], "-nodes", "-days", "2",
        "-subj", "/CN=A time-stamping authority", "-keyout", folder / "tsa.key",
        "-out", folder / "tsa.pem", "-addext", "extendedKeyUsage=critical,timeStamping",
    )  # fmt: skip
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))

    def answer(query: bytes) -> bytes:
        (folder / "query").write_bytes(query)
        told(
            "ts", "-reply", "-config", folder / "tsa.cnf", "-queryfile", folder / "query",
            "-out", folder / "reply",
        )  # fmt: skip
        return (folder / "reply").read_bytes()

    return answer


def test_a_token_says_when_and_by_whom(authority: Answer) -> None:
    token = token_of(authority(request_of(DATA, 2**62 + 1)), DATA)

    stamp = read_stamp(token, DATA)

    assert stamp.by == "CN=A time-stamping authority"
    assert stamp.at.year >= 2026
    assert len(stamp.certificate) == 64
    with pytest.raises(StampError, match="of something else"):
        read_stamp(token, b"another statement")


def test_no_change_of_a_byte_gives_a_token_that_says_otherwise(authority: Answer) -> None:
    token = token_of(authority(request_of(DATA, 7)), DATA)
    honest, chance = read_stamp(token, DATA), random.Random(3)
    for _ in range(300):
        changed = bytearray(token)
        changed[chance.randrange(len(token))] ^= chance.randrange(1, 256)
        try:
            stamp = read_stamp(bytes(changed), DATA)
        except StampError:
            continue
        assert (stamp.at, stamp.certificate) == (honest.at, honest.certificate)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        (b"", "no time-stamp"),
        (b"\x30\x84\xff\xff\xff\xff", "no time-stamp"),
        (b"\x30" * 1000, "no time-stamp"),
        (bytes(MAX_TOKEN_BYTES + 1), "MAX_TOKEN_BYTES"),
    ],
    ids=["nothing", "giant length", "nested", "too long"],
)
def test_what_is_no_token_is_refused(token: bytes, says: str) -> None:
    with pytest.raises(StampError, match=says):
        read_stamp(token, DATA)


def test_an_answer_that_refuses_is_told() -> None:
    with pytest.raises(StampError, match="refused, status 2"):
        token_of(bytes.fromhex("30053003020102"), DATA)
    with pytest.raises(StampError, match="no time-stamp"):
        token_of(b"<html>", DATA)


def stamped(shown: Shown, authority: Answer, of: Root) -> Shown:
    """The same with the time-stamp of a root."""
    token = token_of(authority(request_of(of.sealed, 1)), of.sealed)
    return replace(shown, root=msgspec.structs.replace(shown.root, token=token))


def test_a_package_shows_the_time_stamps_of_its_roots(scene: Scene, authority: Answer) -> None:
    shown = scene.roots()
    roots = [stamped(one, authority, one.root) for one in shown]
    report = verify(build(scene.material(roots), scene.signer, WHEN, "test"))
    (point,) = [one for one in report.points if one.name == "time-stamps"]
    assert point.standing is Standing.PROVEN, point.en
    swapped = [stamped(one, authority, shown[0].root) for one in shown]
    report = verify(build(scene.material(swapped), scene.signer, WHEN, "test"))
    (point,) = [one for one in report.points if one.name == "time-stamps"]
    assert point.standing is Standing.FAILED
