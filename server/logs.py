"""How a role speaks to its administrator: one line an event on standard error.

Coloured for a terminal, JSON for everything else.  Secrets are masked wherever they turn up, and
warnings that repeat themselves are told now and then, with their number (``sampling``).
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog

from wattwarden.server.sampling import REPEATED, WINDOW_S, Sampler

# user:password@ or token@ in an address.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]+@")
# Whose level is ours; nobody speaks by this name.
LEVEL: Final = "level of wattwarden"
# What each event has, whoever tells it.
_BEFORE: Final[tuple[Any, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs(role: str, level: str = "info") -> None:
    """Set logging up for this process, from a level on; call once at its start."""
    terminal = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if terminal
        else structlog.processors.JSONRenderer(serializer=_as_json)
    )
    sampler = Sampler(_say_repeated)
    structlog.configure(
        processors=[
            sampler,
            drop_lesser,
            *_BEFORE,
            structlog.processors.format_exc_info,
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        # One write a line: roles share one standard error, and a line end written by itself
        # lands behind another role's line.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    # Engines and libraries speak through the standard library: the same line, masked alike.
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(sampler.lets_through)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_BEFORE,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                mask_secrets,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    set_level(level)
    # nats-py logs what it then reports to its callbacks, which count and log it.
    logging.getLogger("nats").setLevel(logging.CRITICAL)


def set_level(level: str) -> None:
    """Tell nothing less grave than this from now on."""
    least = structlog.processors.NAME_TO_LEVEL[level]
    logging.getLogger(LEVEL).setLevel(least)
    # Libraries have nothing to say below a warning.
    logging.getLogger().setLevel(max(least, logging.WARNING))


def drop_lesser(
    _logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop what is less grave than the level that is set.

    Raises:
        structlog.DropEvent: It is.
    """
    level = structlog.processors.NAME_TO_LEVEL.get(method, logging.ERROR)
    if level < logging.getLogger(LEVEL).level:
        raise structlog.DropEvent
    return event


def mask_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace what an address carries before its @."""
    for name, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[name] = _CREDENTIALS.sub("***@", value)
    return event


def _say_repeated(what: str, times: int, about: Mapping[str, str]) -> None:
    log = structlog.get_logger(__name__)
    log.warning(REPEATED, what=what, times=times, in_s=round(WINDOW_S), **about)


def _as_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
