"""What is handed out: its bill of materials, and the page that says how it is installed."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from deploy import sbom
from deploy.try_install import BLOCK, PAGE, RECORD

ROOT: Final = Path(__file__).resolve().parents[2]
LOCK: Final = (ROOT / "requirements/base.txt").read_text()


@pytest.fixture(scope="module")
def written() -> str:
    return sbom.written()


@pytest.fixture(scope="module")
def document(written: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(written)
    return found


def every_component(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        one
        for component in components
        for one in (component, *every_component(component.get("components", [])))
    ]


def test_the_same_tree_has_the_same_bill(written: str) -> None:
    assert sbom.written() == written


def test_it_is_a_document_that_readers_of_cyclonedx_accept(document: dict[str, Any]) -> None:
    assert (document["bomFormat"], document["specVersion"], document["version"]) == (
        "CycloneDX", "1.5", 1,
    )  # fmt: skip
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"]
    )
    found = every_component([document["metadata"]["component"], *document["components"]])
    for one in found:
        assert one["type"] in {"application", "library", "file"}
        assert one["name"]
        for digest in one.get("hashes", ()):
            assert digest["alg"] == "SHA-256"
            assert re.fullmatch("[0-9a-f]{64}", digest["content"])
        for licence in one.get("licenses", ()):
            assert licence.keys() in ({"expression"}, {"license"})
            assert "license" not in licence or licence["license"].keys() in ({"id"}, {"name"})
    references = [one["bom-ref"] for one in found]
    assert len(references) == len(set(references))
    edges = {edge["ref"]: edge["dependsOn"] for edge in document["dependencies"]}
    assert set(edges) | {end for ends in edges.values() for end in ends} <= set(references)
    assert all(ends == sorted(set(ends)) for ends in edges.values())


def test_every_library_of_the_lock_is_in_it_with_all_its_checksums(
    document: dict[str, Any],
) -> None:
    listed = {
        (one["name"], one["version"]): {entry["value"] for entry in one["properties"]}
        for one in document["components"]
        if one.get("purl", "").startswith("pkg:pypi/")
    }
    locked = {}
    for entry in re.split(r"\n(?=\S)", LOCK):
        name, version = re.match(r"([\w.-]+)==([\w.]+)", entry).groups()  # type: ignore[union-attr]  # a lock has nothing else
        locked[name, version] = set(re.findall(r"sha256:([0-9a-f]{64})", entry))
    # Of two numpys one is for a newer Python.
    assert {name for name, _ in listed} == {name for name, _ in locked}
    assert listed == {key: locked[key] for key in listed}


def test_everything_that_is_needed_is_reached_from_us(document: dict[str, Any]) -> None:
    edges = {edge["ref"]: edge["dependsOn"] for edge in document["dependencies"]}
    reached, waiting = set(), [sbom.OURS]
    while waiting:
        one = waiting.pop()
        if one not in reached:
            reached.add(one)
            waiting += edges.get(one, [])
    assert {one["bom-ref"] for one in document["components"]} <= reached


@pytest.mark.parametrize("engine", ["postgresql", "nats-server"])
def test_engines_are_in_it_as_they_lie_here(document: dict[str, Any], engine: str) -> None:
    [found] = [one for one in document["components"] if one["name"] == engine]
    assert re.fullmatch(r"\d+(\.\d+)+", found["version"])
    assert found["hashes"]


def test_every_file_that_pages_load_is_in_it_and_foreign_ones_by_their_version(
    document: dict[str, Any],
) -> None:
    listed = {one["name"] for one in every_component(document["components"])}
    for file in (ROOT / "console/static").rglob("*"):
        assert file.is_dir() or f"wattwarden/{file.relative_to(ROOT)}" in listed
    for one in sbom.FOREIGN:
        assert one.version in (sbom.STATIC / one.files[0]).read_text("utf-8")
    scripts = {str(file.relative_to(sbom.STATIC)) for file in sbom.STATIC.glob("vendor/*.min.*")}
    assert scripts == {file for one in sbom.FOREIGN for file in one.files}


def test_no_place_and_no_moment_is_in_it(written: str) -> None:
    without_schema = written.replace(sbom.SCHEMA, "")
    assert "://" not in without_schema
    assert str(ROOT) not in written
    assert "timestamp" not in written


def test_the_page_that_is_followed_to_the_letter_has_what_is_followed() -> None:
    text = PAGE.read_text("utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```sh install")
    together = "".join(blocks)
    for words in ("make package", "apt-get install -y ./dist/", "systemctl enable "):
        assert words in together
    assert RECORD in text
