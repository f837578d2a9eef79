"""All rooms of the console: what they serve, and what lives as long as the application does."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

from wattwarden.console.access.parts import with_passwords, with_provider
from wattwarden.console.access.routes import ROUTES as ACCESS
from wattwarden.console.alarms.acting import ROUTES as ALARM_DEEDS
from wattwarden.console.alarms.packages import ROUTES as PACKAGES
from wattwarden.console.alarms.pages import ROUTES as ALARMS
from wattwarden.console.alarms.saved import ROUTES as SAVED_VIEWS
from wattwarden.console.api.routes import API
from wattwarden.console.board.kept import keep
from wattwarden.console.board.pages import ROUTES as BOARD
from wattwarden.console.firms.ledgers import ROUTES as LEDGERS
from wattwarden.console.firms.pages import ROUTES as FIRMS
from wattwarden.console.live.pages import ROUTES as LIVE
from wattwarden.console.live.streams import end_streams, stream_changes
from wattwarden.console.meters.frames import keep_looks
from wattwarden.console.meters.routes import ROUTES as METERS
from wattwarden.console.plans.routes import ROUTES as PLANS
from wattwarden.console.registry.routes import ROUTES as REGISTRY
from wattwarden.console.reports.kept import keep_reports
from wattwarden.console.reports.pages import ROUTES as STATISTICS
from wattwarden.console.routes import Route
from wattwarden.console.rules.routes import ROUTES as RULES
from wattwarden.console.rules.trying import with_backtests
from wattwarden.console.service.routes import ROUTES as SERVICE
from wattwarden.console.tasks.pages import ROUTES as TASKS

Lifespan: TypeAlias = Callable[[web.Application], AsyncIterator[None]]
"""Starts something with the application, yields once, ends it (aiohttp's cleanup_ctx)."""

ROUTES: Final[tuple[Route, ...]] = (
    *ACCESS,
    *METERS,
    *REGISTRY,
    *RULES,
    *API,
    *BOARD,
    *ALARMS,
    *PACKAGES,
    *ALARM_DEEDS,
    *SAVED_VIEWS,
    *FIRMS,
    *LEDGERS,
    *LIVE,
    *STATISTICS,
    *TASKS,
    *PLANS,
    *SERVICE,
)
LIFESPANS: Final[tuple[Lifespan, ...]] = (
    with_passwords,
    with_provider,
    keep,
    keep_reports,
    stream_changes,
    keep_looks,
    with_backtests,
)
# What is ended before requests in hand are waited for.
ENDINGS: Final[tuple[Callable[[web.Application], Awaitable[None]], ...]] = (end_streams,)
