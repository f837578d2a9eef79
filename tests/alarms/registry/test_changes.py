"""Changes between two registries, and the seal of them."""

from tests.alarms.registry.firm import registry

from wattwarden.alarms.registry.changes import Change, changed, difference, summary
from wattwarden.alarms.registry.nouns import Line
from wattwarden.alarms.registry.registry import Registry

RENAMED = Line("E1", "回转窑", id="L1")


def test_a_registry_with_its_difference_is_the_other() -> None:
    old, new = registry(), registry(("line", RENAMED), ("line", Line("E2", "三线", id="L3")))
    del new.outlet["O1"]
    assert changed(old, difference(old, new)) == new
    assert changed(new, difference(new, old)) == old
    assert difference(old, registry()) == []


def test_changes_leave_the_registry_they_are_made_to() -> None:
    old = registry()
    changed(old, [Change("line", "L1", None), Change("line", "L2", RENAMED)])
    assert old == registry()


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert changed(Registry(), [Change("line", "L1", None)]) == Registry()


def test_a_summary_counts_and_seals_whatever_the_order() -> None:
    changes = difference(Registry(), registry())
    one, other = summary(changes), summary(changes[::-1])
    assert one == other
    assert one.changed["line"] == 3
    assert summary([*changes[1:], Change("line", "L1", RENAMED)]).digest != one.digest
