"""A back-test in the process that was begun for it: it tells how far it is, and then all."""

from collections.abc import Callable

import msgspec

from wattwarden.alarms.rulebook import load_rules
from wattwarden.server.backtest.fold import Window
from wattwarden.server.backtest.outcome import outcome_of
from wattwarden.server.backtest.run import NothingFoldedError, backtest
from wattwarden.storage.backtests import Outcome
from wattwarden.storage.database import connect


class Question(msgspec.Struct, frozen=True):
    """What is tried, on what; ``since`` and ``until`` are ms Unix."""

    dsn: str
    text: str
    since: int
    until: int
    enterprises: tuple[str, ...]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many enterprises of how many are done, and at the end what it came to."""

    done: int
    of: int
    outcome: Outcome | None = None


async def fold_aside(raw: bytes, tell: Callable[[bytes], None]) -> None:
    """Fold what is asked for, and tell."""
    asked = msgspec.json.decode(raw, type=Question)
    tried = load_rules(asked.text)
    last = Answer(0, 0)

    def so_far(done: int, of: int) -> None:
        nonlocal last
        last = Answer(done, of)
        tell(msgspec.json.encode(last))

    connection = await connect(asked.dsn, name="backtest")
    try:
        window = Window(asked.since, asked.until)
        found = await backtest(connection, tried, window, asked.enterprises, so_far)
        outcome = outcome_of(found, tried)
    except NothingFoldedError as error:
        outcome = Outcome(refused_zh=error.zh, refused_en=error.en)
    finally:
        await connection.close()
    tell(msgspec.json.encode(Answer(last.done, last.of, outcome)))
