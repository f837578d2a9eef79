"""What a forwarder tells: how far each platform is."""

from collections.abc import Callable, Collection, Iterator, Sequence

from wattwarden.server.metrics.page import Sample
from wattwarden.server.metrics.watch import Seen, Trouble, Watch, in_database
from wattwarden.storage.database import Connection
from wattwarden.storage.forward import Forwarded, read_forwarded


def forwarder_watch(platforms: Callable[[], Collection[str]], dsn: str) -> Watch:
    """Return what a forwarder tells of the platforms that it forwards to now.

    A platform that is away is the platform's trouble: the role does what can be done.
    """

    async def ask(connection: Connection) -> Seen:
        known = await read_forwarded(connection)
        mine = (one for one in known if one.platform in platforms())
        return Seen(tuple(sample for one in mine for sample in _samples(one)))

    return Watch("forwarder", lambda: (), _healthy, (in_database(dsn, "platforms", ask),))


def _samples(one: Forwarded) -> Iterator[Sample]:
    name = one.platform
    yield Sample("forward_items", one.waiting, (name, "waiting"))
    yield Sample("forward_items", one.aside, (name, "aside"))
    yield Sample("forward_behind_seconds", one.behind, (name,))
    for outcome in ("sent", "repeated", "acknowledged", "let_go"):
        yield Sample("forward_uploads_total", getattr(one, outcome), (name, outcome))
    yield Sample("forward_trouble", int(bool(one.trouble)), (name,))


def _healthy() -> Sequence[Trouble]:
    return ()
