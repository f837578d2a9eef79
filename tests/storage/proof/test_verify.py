import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.storage.proof.scene import Scene, address

from wattwarden.storage.proof import documents as docs
from wattwarden.storage.proof.build import build
from wattwarden.storage.proof.container import packed, unpacked
from wattwarden.storage.proof.keys import Signer, open_signer, rotate
from wattwarden.storage.proof.origin import part_of
from wattwarden.storage.proof.said import Decoded, decode_sent, nothing_read, readings_csv
from wattwarden.storage.proof.statement import Extent, follows, signed
from wattwarden.storage.proof.verdict import Point, Report, Standing
from wattwarden.storage.proof.verify import verify

WHEN = datetime(2026, 3, 5, tzinfo=UTC)
SEED = 9


def standings(report: Report) -> dict[str, Standing]:
    return {point.name: point.standing for point in report.points}


def is_open(point: Point) -> bool:
    return point.standing is Standing.OPEN


def failed(report: Report) -> set[str]:
    return {name for name, how in standings(report).items() if how is Standing.FAILED}


def resealed(parts: dict[str, bytes], signer: Signer, **changes: Any) -> bytes:
    """What somebody who has a key makes of parts that they changed."""
    manifest = docs.read(parts[docs.MANIFEST], docs.Manifest)
    rest = {name: data for name, data in parts.items() if name not in {docs.MANIFEST, docs.SEAL}}
    listed = {name: part_of(data) for name, data in rest.items()}
    manifest = msgspec.structs.replace(manifest, parts=listed, key=signer.public, **changes)
    sealed = docs.written(manifest)
    seal = signer.sign(docs.PACKAGE, sealed).encode()
    return packed({**rest, docs.MANIFEST: sealed, docs.SEAL: seal})


def test_a_package_says_what_it_proves_and_what_not(package: bytes) -> None:
    report = verify(package)

    assert report.is_whole
    proven = {name for name, how in standings(report).items() if how is Standing.PROVEN}
    assert proven == {
        "container", "parts", "seal", "roots", "frames", "readings", "state", "episode", "end",
        "curve",
    }  # fmt: skip
    assert standings(report).keys() - proven == {
        "key", "open day", "time-stamps", "meters", "clock", "acceptance", "other decisions",
        "registry",
    }  # fmt: skip
    assert all(point.zh and point.en for point in report.points)


def test_a_thousand_changes_of_a_byte_are_all_found(package: bytes) -> None:
    chance = random.Random(SEED)
    for _ in range(1_000):
        place, other = chance.randrange(len(package)), chance.randrange(1, 256)
        changed = bytearray(package)
        changed[place] ^= other
        assert not verify(bytes(changed)).is_whole, f"byte {place} ^ {other}"


def test_a_byte_changed_within_a_part_and_packed_again_is_found(package: bytes) -> None:
    chance = random.Random(SEED)
    parts = unpacked(package)
    names = sorted(name for name in parts if parts[name])
    for number in range(150):
        name = names[number % len(names)]
        changed = bytearray(parts[name])
        changed[chance.randrange(len(changed))] ^= chance.randrange(1, 256)
        report = verify(packed({**parts, name: bytes(changed)}))
        assert failed(report) & {"parts", "seal"}, name


def test_the_key_that_is_given_is_the_one_that_is_trusted(scene: Scene, package: bytes) -> None:
    assert standings(verify(package, scene.signer.public))["key"] is Standing.PROVEN
    report = verify(package, "00" * 32)
    assert failed(report) >= {"key", "roots"}


def test_a_forger_with_a_key_of_their_own_is_told_from_the_agency(
    scene: Scene, package: bytes, secrets: Path
) -> None:
    forger = open_signer(secrets, WHEN)
    forged = build(scene.material(scene.roots(signer=forger)), forger, WHEN, "test")
    assert verify(forged).is_whole, "who names no key trusts whoever signed"
    assert failed(verify(forged, scene.signer.public)) >= {"key", "roots"}
    parts = unpacked(package)
    parts[docs.KEYS] = docs.written(list(forger.keys))
    assert "roots" in failed(verify(resealed(parts, forger)))
    both = docs.written([*scene.signer.keys, *forger.keys])
    assert "seal" in failed(verify(resealed({**parts, docs.KEYS: both}, forger)))


def test_keys_that_followed_the_given_one_are_trusted(scene: Scene, tmp_path: Path) -> None:
    first = open_signer(tmp_path, WHEN)
    shown = scene.roots(signer=first)
    second = rotate(tmp_path, WHEN)
    data = build(scene.material(shown), second, WHEN, "test")

    assert verify(data, first.public).is_whole
    report = verify(data, second.public)
    assert failed(report) == {"roots"}, "the newer key does not vouch for what the older signed"


def test_a_key_that_was_replaced_seals_nothing_any_more(scene: Scene, tmp_path: Path) -> None:
    stolen = open_signer(tmp_path, WHEN)
    shown = scene.roots(signer=stolen)
    present = rotate(tmp_path, WHEN)
    parts = unpacked(build(scene.material(shown), present, WHEN, "test"))
    parts[docs.NOTICES] = docs.written([{"why": "as the thief of the older key has it"}])

    assert "seal" in failed(verify(resealed(parts, stolen)))
    assert "seal" in failed(verify(resealed(parts, stolen), present.public))


def _frames(parts: dict[str, bytes]) -> None:
    name = next(name for name in parts if name.startswith("frames/"))
    parts[name] = parts[name][:-30] + b"\1" + parts[name][-29:]


def _drop_frames(parts: dict[str, bytes]) -> None:
    """Leave out a sender's day, as if it had sent nothing."""
    record = docs.read(parts["roots/0002.json"], docs.RootRecord)
    file, *rest = record.files
    del parts[file.part]
    parts["roots/0002.json"] = docs.written(msgspec.structs.replace(record, files=rest))


def _more_readings(parts: dict[str, bytes]) -> None:
    """Put in readings that no list of meters names, so that nothing is compared with them."""
    parts["readings/0009.csv"] = parts["readings/0001.csv"]


def _letter(parts: dict[str, bytes]) -> None:
    parts["statement.pdf"] = b"what the thief has to say"


def _orphan(parts: dict[str, bytes]) -> None:
    parts["frames/0009/0001.bin"] = parts["frames/0001/0001.bin"]


def _other_day(parts: dict[str, bytes]) -> None:
    """Sign nothing anew, but leave a day out between."""
    del parts["roots/0002.json"]
    for name in [name for name in parts if name.startswith("frames/0002/")]:
        del parts[name]


def _statement(parts: dict[str, bytes]) -> None:
    record = docs.read(parts["roots/0001.json"], docs.RootRecord)
    statement = msgspec.structs.replace(record.root.statement, frames=1)
    root = msgspec.structs.replace(record.root, statement=statement)
    parts["roots/0001.json"] = docs.written(msgspec.structs.replace(record, root=root))


def _readings(parts: dict[str, bytes]) -> None:
    parts["readings/0001.csv"] = parts["readings/0001.csv"].replace(b",220.", b",221.", 1)


def _alarm(**changes: Any) -> Callable[[dict[str, bytes]], None]:
    def change(parts: dict[str, bytes]) -> None:
        episode = docs.read(parts[docs.ALARM], docs.Episode)
        changed = msgspec.structs.replace(episode, **changes)
        parts[docs.ALARM] = docs.written(changed)
        parts[docs.EXPLANATION] = docs.told(changed)

    return change


def _explanation(parts: dict[str, bytes]) -> None:
    parts[docs.EXPLANATION] += b"and more\n"


def _curve(parts: dict[str, bytes]) -> None:
    parts[docs.CURVE] = parts[docs.CURVE].replace(b"#1769aa", b"#000000")


def _registry(parts: dict[str, bytes]) -> None:
    for name in (f"{docs.THEN}/registry.json", f"{docs.NOW}/registry.json"):
        parts[name] = parts[name].replace(b'"ct":1,', b'"ct":9,')


def _state(parts: dict[str, bytes]) -> None:
    parts[docs.DAY_STATE] = parts[docs.DAY_STATE][:-1]


@pytest.mark.parametrize(
    ("mischief", "found"),
    [
        (_frames, "frames"),
        (_orphan, "frames"),
        (_more_readings, "readings"),
        (_letter, "parts"),
        (_drop_frames, "readings"),
        (_other_day, "roots"),
        (_statement, "roots"),
        (_readings, "readings"),
        (_alarm(raised=1_772_503_200_000), "episode"),
        (_alarm(subject="unit:p"), "episode"),
        (_alarm(ended=1_772_509_500_000), "end"),
        (_explanation, "explanation"),
        (_curve, "curve"),
        (_registry, "episode"),
        (_state, "episode"),
    ],
    ids=[
        "frame", "frames of no root", "readings of no meter", "a part of no package",
        "frames left out", "root left out", "statement", "reading",
        "raised", "subject", "ended", "explanation", "picture", "registry", "state",
    ],
)  # fmt: skip
def test_what_whoever_has_the_key_changes_afterwards_contradicts_the_rest(
    scene: Scene,
    package: bytes,
    mischief: Callable[[dict[str, bytes]], None],
    found: str,
) -> None:
    parts = unpacked(package)
    mischief(parts)
    assert found in failed(verify(resealed(parts, scene.signer)))


def _silence_first(parts: dict[str, bytes]) -> None:
    """Show nothing of the first day of the stretch, nor of the one before it."""
    for name in ("roots/0001.json", "roots/0002.json"):
        _without_files(parts, name)


def _silence_last(parts: dict[str, bytes]) -> None:
    _without_files(parts, max(name for name in parts if name.startswith("roots/")))


def _silence_meter(parts: dict[str, bytes]) -> None:
    """Show nothing of a meter on any day, and say that it said nothing."""
    for name in [name for name in parts if name.startswith("roots/")]:
        _without_files(parts, name, f"{address(2)}")
    parts["readings/0002.csv"] = readings_csv(nothing_read())


def _no_roots(parts: dict[str, bytes]) -> None:
    for name in [name for name in parts if name.startswith(("roots/", "frames/"))]:
        del parts[name]


def _begin_late(parts: dict[str, bytes]) -> None:
    """Leave the first roots out: whoever reads the others does not miss them."""
    for name in ("roots/0001.json", "roots/0002.json"):
        _without_files(parts, name)
        del parts[name]


def _end_early(parts: dict[str, bytes]) -> None:
    last = max(name for name in parts if name.startswith("roots/"))
    _without_files(parts, last)
    del parts[last]


def _other_rules(parts: dict[str, bytes]) -> None:
    for book in (docs.THEN, docs.NOW):
        parts[f"{book}/rules.toml"] += b"# nobody has decided this\n"


def _without_files(parts: dict[str, bytes], name: str, identity: str | None = None) -> None:
    """Leave out the frames of a root's day, of one sender or of all."""
    record = docs.read(parts[name], docs.RootRecord)
    gone = [file for file in record.files if identity in {None, file.identity}]
    for file in gone:
        del parts[file.part]
    kept = [file for file in record.files if file not in gone]
    parts[name] = docs.written(msgspec.structs.replace(record, files=kept))


@pytest.mark.parametrize(
    ("mischief", "name"),
    [
        (_silence_first, "silent days"),
        (_silence_last, "silent days"),
        (_silence_meter, "silent meters"),
        (_no_roots, "frames"),
        (_begin_late, "span"),
        (_end_early, "span"),
        (_other_rules, "rules"),
    ],
    ids=[
        "the first day", "the last day", "a meter on all days", "everything", "the first root",
        "the last root", "rules of nobody",
    ],
)  # fmt: skip
def test_what_is_left_out_is_said_to_be_unproven(
    scene: Scene, package: bytes, mischief: Callable[[dict[str, bytes]], None], name: str
) -> None:
    assert name not in {point.name for point in verify(package).points if is_open(point)}
    parts = unpacked(package)
    mischief(parts)
    report = verify(resealed(parts, scene.signer))
    assert [point.name for point in report.points if is_open(point)].count(name) == 1


def test_entries_that_the_journal_lost_are_said_to_be_lacking(scene: Scene, package: bytes) -> None:
    parts = unpacked(package)
    last = max(name for name in parts if name.startswith("roots/"))
    record = docs.read(parts[last], docs.RootRecord)
    said = record.root.statement
    fewer = signed(msgspec.structs.replace(said, records=said.records - 1), scene.signer)
    parts[last] = docs.written(msgspec.structs.replace(record, root=fewer))
    report = verify(resealed(parts, scene.signer))
    assert standings(report)["lost entries"] is Standing.OPEN
    assert standings(report)["roots"] is Standing.PROVEN


def test_a_root_goes_on_in_every_shard_of_the_one_before(scene: Scene) -> None:
    before, root = (shown.root for shown in scene.roots()[:2])
    assert follows(root, before)
    more = msgspec.structs.replace(
        before.statement, shards=[*before.statement.shards, Extent(1, 1, 9)]
    )
    other = signed(more, scene.signer)
    dropped = msgspec.structs.replace(root.statement, previous=other.digest)
    assert not follows(signed(dropped, scene.signer), other)


def test_frames_that_nobody_can_read_are_counted(
    package: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*args: Any) -> Decoded:
        decoded = decode_sent(*args)
        decoded.refused = 3
        return decoded

    monkeypatch.setattr("wattwarden.storage.proof.meaning.decode_sent", refusing)
    report = verify(package)
    assert standings(report)["unread"] is Standing.OPEN
    assert any("3 frames" in point.en for point in report.points)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"window": (0, 2**62)}, "parts"),
        ({"rows": (5, 4)}, "parts"),
        ({"format": 99}, "parts"),
        ({"enterprise": "nobody"}, "episode"),
    ],
    ids=["endless window", "rows before they begin", "another format", "another firm"],
)
def test_a_manifest_that_asks_for_too_much_is_refused(
    scene: Scene, package: bytes, changes: dict[str, Any], found: str
) -> None:
    assert found in failed(verify(resealed(unpacked(package), scene.signer, **changes)))


@pytest.mark.parametrize(
    "name", [docs.KEYS, docs.TERMS, docs.ALARM, docs.DECISIONS, "roots/0001.json", docs.CURVE]
)
def test_a_part_that_is_missing_or_garbage_is_a_failed_point_and_no_crash(
    scene: Scene, package: bytes, name: str
) -> None:
    parts = unpacked(package)
    garbage = verify(resealed({**parts, name: b"[" * 100_000}, scene.signer))
    del parts[name]
    assert not garbage.is_whole
    assert not verify(resealed(parts, scene.signer)).is_whole


def test_without_a_state_the_episode_is_left_open(scene: Scene) -> None:
    material = scene.material(scene.roots())
    report = verify(build(replace(material, snapshot=None), scene.signer, WHEN, "test"))
    assert report.is_whole
    assert standings(report)["episode"] is Standing.OPEN
    assert standings(report)["state"] is Standing.OPEN
    # Why, and what stands all the same.
    said = {one.name: one for one in report.points}
    assert ("62 天" in said["state"].zh, "62 days" in said["state"].en) == (True, True)
    assert "frames, readings and decisions stand" in said["episode"].en


def test_nothing_of_another_sender_is_in_the_package(package: bytes) -> None:
    assert address(900).encode() not in package
