"""How a role speaks to its administrator: one line an event on standard error.

Coloured for a terminal, JSON for everything else.  Secrets are masked wherever they turn up.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import orjson
import structlog

# user:password@ or token@ in an address.
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]+@")
# What each event has, whoever tells it.
_BEFORE: Final[tuple[Any, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure_logs(role: str) -> None:
    """Set logging up for this process; call once at its start."""
    terminal = sys.stderr.isatty()
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if terminal
        else structlog.processors.JSONRenderer(serializer=_as_json)
    )
    structlog.configure(
        processors=[
            *_BEFORE,
            structlog.processors.format_exc_info,
            mask_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # One write a line: roles share one standard error, and a line end written by itself
        # lands behind another role's line.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    # Engines and libraries speak through the standard library: the same line, masked alike.
    handler = logging.StreamHandler(sys.stderr)
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
    # nats-py logs what it then reports to its callbacks, which count and log it.
    logging.getLogger("nats").setLevel(logging.CRITICAL)


def mask_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace what an address carries before its @."""
    for name, value in event.items():
        if isinstance(value, str) and "://" in value:
            event[name] = _CREDENTIALS.sub("***@", value)
    return event


def _as_json(event: Any, **_options: Any) -> str:
    return orjson.dumps(event, default=str).decode()
