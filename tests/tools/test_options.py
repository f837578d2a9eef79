"""Options that several commands share."""

from datetime import UTC, datetime

import pytest

from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import Span

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize("until", ["2026-01-01", "2025-01-01"])
def test_a_span_without_anything_in_it_is_refused(until: str) -> None:
    with pytest.raises(UsageError, match="not before"):
        Span("2026-01-01", until).bounds(NOW)


def test_a_span_may_be_open() -> None:
    assert Span(None, "now").bounds(NOW) == (None, NOW)
    assert Span("-1d", None).bounds(NOW)[1] is None
