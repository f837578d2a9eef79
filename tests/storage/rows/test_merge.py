import pytest

from wattwarden.storage.rows.merge import Complement, Revision, Said, compare

V, A, E = (0, "voltage_a"), (1, "current_a"), (2, "energy_forward")


@pytest.mark.parametrize(
    ("stored", "later", "verdict"),
    [
        ({V: 1, A: None}, {V: 1, A: None}, None),
        ({V: 1, A: 2}, {V: 1, A: None}, None),
        ({V: 1, A: 2}, {V: None, A: None}, None),
        ({V: 1, A: None}, {V: None, A: 2}, Complement({A: 2})),
        ({V: 1, A: None}, {V: 1, A: 0}, Complement({A: 0})),
        ({V: 1, A: 2}, {V: 3, A: 2}, Revision({V: 3})),
        ({V: 0, A: 2}, {V: 3, A: None}, Revision({V: 3})),
        ({V: 1, A: None, E: 5}, {V: 3, A: 2, E: 5}, Revision({V: 3, A: 2})),
    ],
    ids=[
        "the same", "less", "nothing", "the other half", "a zero is said", "otherwise",
        "a stored zero was said", "otherwise and more",
    ],
)  # fmt: skip
def test_a_later_row_is_a_repeat_a_complement_or_a_revision(
    stored: Said, later: Said, verdict: Complement | Revision | None
) -> None:
    assert compare(stored, later) == verdict
