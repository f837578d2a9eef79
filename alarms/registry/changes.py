"""Changes of the registry: records added, put in another's place, or removed."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wattwarden.alarms.decisions.bodies import RegistryChange
from wattwarden.alarms.decisions.chain import canonical
from wattwarden.alarms.registry.nouns import KINDS, Noun
from wattwarden.alarms.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Change:
    """One record as it shall be, or None where it shall be gone."""

    kind: str
    id: str
    record: Noun | None


def difference(old: Registry, new: Registry) -> list[Change]:
    """Return what makes the new registry of the old one, by kind and id."""
    changes: list[Change] = []
    for kind in KINDS:
        before: dict[str, Noun] = getattr(old, kind)
        after: dict[str, Noun] = getattr(new, kind)
        changes.extend(
            Change(kind, identity, after.get(identity))
            for identity in sorted(before.keys() | after.keys())
            if before.get(identity) != after.get(identity)
        )
    return changes


def changed(registry: Registry, changes: Iterable[Change]) -> Registry:
    """Return a registry with these changes; the old one stays as it is."""
    new = replace(registry, **{kind: dict(getattr(registry, kind)) for kind in KINDS})
    for change in changes:
        if change.record is None:
            getattr(new, change.kind).pop(change.id, None)
        else:
            new.put(change.kind, change.record)
    return new


def summary(changes: Sequence[Change]) -> RegistryChange:
    """Return the decision that makes these changes: how many, and their digest by kind and id."""
    counts = Counter(change.kind for change in changes)
    sealed = hashlib.sha256()
    for change in sorted(changes, key=lambda change: (change.kind, change.id)):
        sealed.update(canonical([change.kind, change.id, change.record]))
    return RegistryChange(changed=dict(sorted(counts.items())), digest=sealed.hexdigest())
