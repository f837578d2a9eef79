"""What a person's TOML file may be: nothing that ends its reader, or takes it long."""

import pytest

from wattwarden.protocol.toml_file import MAX_DEPTH, read_toml

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
