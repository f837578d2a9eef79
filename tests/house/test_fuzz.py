"""Every fuzz target, a while, from a seed; and that the harness notices what it should."""

import ast
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

# Behind everything else: the rooms in the repository root must shadow no library.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from fuzz import record, storm
from fuzz.harness import ROOT, Finding, NoSeedsError, Target, mutate, read_vectors, smoke
from fuzz.run import load_targets, vector_line
from fuzz.storm import INPUTS, INPUTS_ALONE, storms

from wattwarden.codecs import load_codecs
from wattwarden.protocol.codec import Batch, Columns
from wattwarden.protocol.outline import FRAME

SEED = os.environ.get("FUZZ_SEED", "1")
# Twelve seconds together, on a machine that does nothing else.
EXECUTIONS = {
    "acrel": 2000,
    "acrel_gateway": 200,
    "api": 400,
    "backups": 100,
    "books": 25,
    "captures": 250,
    "ctwing": 120,
    "dlms": 400,
    "dlt645": 700,
    "dlt698": 400,
    "dtu": 150,
    "envelope": 2500,
    "evidence": 40,
    "framer": 1200,
    "gdw376": 400,
    "hj212": 1500,
    "modbus": 300,
    "onenet": 120,
    "session": 3000,
    "toml_files": 60,
    "uploads": 300,
}
# What is no codec: what comes before and behind them, what people hand in, what programs ask.
OTHERS = {
    "framer", "session", "envelope", "evidence",
    "api", "backups", "books", "captures", "toml_files", "uploads",
}  # fmt: skip
# A flipped bit leaves these as sound as they were.
WITHOUT_CHECKSUM = {"acrel_gateway", "ctwing", "onenet"}
TARGETS = load_targets()
FINDINGS = [
    json.loads(line)
    for line in (ROOT / "fuzz" / "findings.jsonl").read_text(encoding="utf-8").splitlines()
]


def unmended(data: bytes, _rng: Random) -> bytes:
    return data


def made_target(run: Callable[[bytes], None], *seeds: bytes) -> Target:
    return Target("made", run, lambda: list(seeds), unmended)


@pytest.mark.parametrize("name", sorted(TARGETS), ids=lambda name: f"{name}-seed-{SEED}")
def test_invariant_holds_for_mutated_vectors(name: str) -> None:
    smoke(TARGETS[name], EXECUTIONS[name], SEED)


@pytest.mark.parametrize(
    "finding", FINDINGS, ids=[f"{found['target']}: {found['what']}" for found in FINDINGS]
)
def test_what_was_found_once_is_not_found_again(finding: dict[str, str]) -> None:
    TARGETS[finding["target"]].run(bytes.fromhex(finding["hex"]))


def test_every_codec_and_every_parser_has_a_target() -> None:
    assert set(TARGETS) == {*load_codecs(), *OTHERS}
    assert set(EXECUTIONS) == set(TARGETS)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_target_states_its_invariant_in_its_first_line(name: str) -> None:
    tree = ast.parse((ROOT / "fuzz" / f"{name}.py").read_text(encoding="utf-8"))
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    assert re.fullmatch(r"Invariant: .+\.", first)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_target_has_seeds_and_mends_whatever_it_gets(name: str) -> None:
    target, rng = TARGETS[name], Random(SEED)
    seeds = target.seeds()
    assert len(seeds) > 10
    for data in (b"", b"#", b"{{", b"}}{{", b"##0000&&", b"{{\x91}}", b"\x90", *seeds):
        assert isinstance(target.mend(data, rng), bytes)


@pytest.mark.parametrize("name", sorted(set(load_codecs()) - WITHOUT_CHECKSUM))
def test_mending_brings_mutations_past_the_checksum(name: str) -> None:
    outline, target, rng = load_codecs()[name].outline, TARGETS[name], Random(SEED)
    plain = mended = 0
    for seed in target.seeds() * 3:
        at = rng.randrange(3, max(4, len(seed) - 8))
        flipped = seed[:at] + bytes([seed[at] ^ 1]) + seed[at + 1 :]
        whole = target.mend(flipped, rng)
        plain += outline.cut_strictly(flipped, 0) == (FRAME, len(flipped))
        mended += outline.cut_strictly(whole, 0) == (FRAME, len(whole))
    assert mended > 0.7 * 3 * len(target.seeds()) > 2 * plain


def test_finding_tells_the_input_made_short_and_how_to_run_it_again() -> None:
    def run(data: bytes) -> None:
        assert b"\x07" not in data, "seven"

    with pytest.raises(Finding) as caught:
        smoke(made_target(run, bytes(range(64))), 1, "s")
    assert caught.value.data == b"\x07"
    assert "seed s" in str(caught.value)
    assert str(caught.value).endswith("fuzz/run.py made --hex 07")
    assert str(caught.value.__cause__).startswith("seven")


def test_finding_is_not_shortened_into_another_failure() -> None:
    def run(data: bytes) -> None:
        if len(data) < 10:
            raise KeyError(data)
        assert len(data) < 20

    with pytest.raises(Finding) as caught:
        smoke(made_target(run, bytes(40)), 1, "s")
    assert len(caught.value.data) == 20
    assert isinstance(caught.value.__cause__, AssertionError)


def test_same_seed_gives_the_same_inputs() -> None:
    def inputs(seed: str) -> list[bytes]:
        seen: list[bytes] = []
        smoke(made_target(seen.append, b"12345", b"abcdefgh"), 50, seed)
        return seen

    assert inputs("a") == inputs("a") != inputs("b")
    assert len(set(inputs("a"))) > 40


def test_mutations_of_nothing_do_not_fail() -> None:
    target, rng = made_target(lambda _data: None, b""), Random(SEED)
    for _ in range(300):
        mutate(b"", [b""], target, rng)


def test_run_without_seeds_fails_loudly() -> None:
    with pytest.raises(NoSeedsError):
        smoke(made_target(lambda _data: None), 1, "s")
    with pytest.raises(NoSeedsError, match=re.escape("tests/vectors/nobody.jsonl")):
        read_vectors("nobody")


def test_vector_of_a_finding_waits_for_its_expectations() -> None:
    line = vector_line("acrel", b"{{")
    assert '"hex": "7b7b"' in line
    assert '"source": "found by fuzzing"' in line
    assert '"error": "?"' in line


@pytest.mark.parametrize("name", sorted(load_codecs()))
def test_a_storm_holds_for_every_codec(name: str) -> None:
    assert TARGETS[name].wire is not None
    assert next(storms(TARGETS[name], SEED)) == INPUTS


def test_a_storm_is_the_same_by_its_number_and_names_what_it_finds() -> None:
    seen: list[list[bytes]] = [[]]

    def run(data: bytes) -> None:
        seen[-1].append(data)

    target = made_target(run, b"12345", b"abcdefgh")
    running = storms(target, "s")
    next(running)
    seen.append([])
    next(running)
    seen.append([])
    next(storms(target, "s", 1))
    assert seen[0] != seen[1] == seen[2]
    assert len(seen[1]) == INPUTS_ALONE

    def broken(data: bytes) -> None:
        assert b"5" not in data, "five"

    with pytest.raises(Finding) as caught:
        next(storms(made_target(broken, b"12345"), "s"))
    assert caught.value.data == b"5"


def test_what_a_batch_breaks_is_found_though_no_input_does_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check_columns(batch: Batch, _columns: Columns) -> None:
        assert len(batch) < 100, "many"

    monkeypatch.setattr(storm, "check_columns", check_columns)
    with pytest.raises(Finding, match="as one batch"):
        next(storms(TARGETS["dlt645"], SEED))


def test_the_record_grows_by_day_and_seed_and_says_where_to_go_on(tmp_path: Path) -> None:
    page = tmp_path / "fuzz.md"
    assert record.read_runs(page) == []
    first = record.Run("2026-11-22", "acrel", record.STORM, "s", 100, 6400, 3, 0)
    record.add(first, page)
    record.add(replace(first, storms=1100, executions=1_000_000, seconds=400, found=1), page)
    record.add(replace(first, day="2026-11-23", seed="t", storms=7), page)
    record.add(record.Run("2026-11-23", "dtu", record.GUIDED, "", 0, 9, 1, 0), page)
    runs = record.read_runs(page)
    assert runs[0] == replace(first, storms=1100, executions=1_006_400, seconds=403, found=1)
    assert len(runs) == 3
    assert record.storms_done(runs, "acrel", "s") == 1100
    assert record.storms_done(runs, "dtu", "s") == 0
    assert record.executions_of(runs, "acrel") == 1_012_800
    assert "| acrel | 1,012,800 | 0.1 | 1 | 2026-11-23 |" in page.read_text("utf-8")
