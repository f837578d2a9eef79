"""Which system a command speaks to, and what is said where there is none."""

from pathlib import Path

import pytest

from wattwarden.server.places import NotRunningError, dsn_of
from wattwarden.server.settings import load_settings


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        pytest.param("postgres", r"nothing runs in .* now: .* `wattwarden up --data", id="kept"),
        pytest.param("", r"no system has run in .*: start one", id="empty"),
    ],
)
def test_a_folder_in_which_nothing_runs_is_told_from_one_that_holds_nothing(
    tmp_path: Path, kept: str, said: str
) -> None:
    """A simulation that was written straight into its folder leaves a store, and nobody running."""
    (tmp_path / kept).mkdir(exist_ok=True)
    with pytest.raises(NotRunningError, match=said):
        dsn_of(load_settings(data=tmp_path))
