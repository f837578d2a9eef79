"""What a person's TOML file may be: nothing that ends its reader, or takes it long."""

import pytest

from wattwarden.alarms.rulebook import MOST_FAULTS, RuleError, default_text, load_rules
from wattwarden.alarms.toml_file import MAX_DEPTH, read_toml

# The tables themselves are the outermost.
DEEPEST = MAX_DEPTH - 1


@pytest.mark.parametrize(
    "text", [f"x = {'[' * DEEPEST}{']' * DEEPEST}", "a" + ".a" * DEEPEST + "=1"]
)
def test_what_is_nested_as_deep_as_may_be_is_read(text: str) -> None:
    assert read_toml(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"x = {'[' * MAX_DEPTH}{']' * MAX_DEPTH}", "more than 32 deep"),
        ("a" + ".a" * MAX_DEPTH + " = 1", "more than 32 deep"),
        ("x = " + "[" * 2_000, "more than 32 deep"),
        ("x = " + "9" * 5_000, "4300 digits"),
        ("x = ", "Invalid value"),
    ],
    ids=["lists", "tables", "lists without end", "digits without end", "no TOML"],
)
def test_what_no_file_of_ours_is_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_toml(text)


@pytest.mark.parametrize(
    "more",
    ["".join(f"theta{n} = 1\n" for n in range(1_000)), "".join(f"[x{n}]\n" for n in range(1_000))],
    ids=["numbers", "tables"],
)
def test_no_more_faults_are_told_than_somebody_reads(more: str) -> None:
    with pytest.raises(RuleError) as refused:
        load_rules(f"{default_text()}\n[industry.x.production]\n{more}")
    assert len(refused.value.faults) == MOST_FAULTS
