"""The console with people who have accounts."""

import pytest
from tests.console.browser import Browser
from tests.console.desk import Desk


@pytest.fixture
def browser(house: Desk) -> Browser:
    """A browser that nobody has used."""
    return Browser(house)
