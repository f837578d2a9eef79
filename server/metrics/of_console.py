"""What a console tells."""

from collections.abc import Iterator, Sequence

from wattwarden.console.app import Console
from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Seen, Trouble, Watch, in_database
from wattwarden.storage.database import Connection


def console_watch(console: Console, dsn: str) -> Watch:
    """Return what a console tells."""

    def samples() -> Iterator[Sample]:
        for outcome, count in list(console.counts.items()):
            yield Sample("pages_total", count, (outcome,))
        traffic = console.traffic
        for key, count in list(traffic.requests.items()):
            yield Sample("http_requests_total", count, key)
        for kind, spread in traffic.answer_s.items():
            yield Sample("http_request_seconds", spread, (kind,))
        yield Sample("http_requests_open", traffic.open)

    async def ask(connection: Connection) -> Seen:
        del connection  # that there is one is all that is asked
        return Seen()

    return Watch("console", samples, _healthy, (in_database(dsn, "database", ask),))


def _healthy() -> Sequence[Trouble]:
    return ()
