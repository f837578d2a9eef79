"""``wattwarden receive``: a receiver of webhooks to try things out with, well-behaved or not."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from wattwarden.alarms.channels.channel import BuildError
from wattwarden.alarms.channels.verify import TOLERANCE_S
from wattwarden.alarms.channels.webhook import key_of
from wattwarden.server.addresses import check_listen, endpoint_of
from wattwarden.server.lifetime import stop_event
from wattwarden.tools.decode import as_json
from wattwarden.tools.errors import CommandError, UsageError
from wattwarden.tools.misbehaviour import Manner, Misbehaviour
from wattwarden.tools.options import AsJson
from wattwarden.tools.receiver import Delivery, Keys, Receiver, Verdict
from wattwarden.tools.render import console, printable
from wattwarden.tools.running import run
from wattwarden.tools.times import local, rfc3339

# Nobody but this machine, on a port that the kernel chooses.
DEFAULT_LISTEN: Final = "127.0.0.1:0"
TOO_MANY: Final = 429
MAKE_ONE: Final = '(umask 077; echo "whsec_$(openssl rand -base64 32)" > FILE) makes one'
COLOURS: Final = {
    Verdict.ACCEPTED: "green",
    Verdict.DUPLICATE: "yellow",
    Verdict.FAILED: "magenta",
    Verdict.REFUSED: "bold red",
}
Tell = Callable[[Delivery], None]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom it believes."""

    secret: Annotated[
        tuple[Path, ...],
        Parameter(
            show_default=False,
            help="A file with a whsec_ secret (Standard Webhooks); repeatable.",
        ),
    ] = ()
    plain_secret: Annotated[
        tuple[Path, ...],
        Parameter(
            show_default=False,
            help="A file with a secret of plain HMAC, as GitHub's; repeatable.",
        ),
    ] = ()
    tolerance_s: Annotated[
        float, Parameter(name="--tolerance", help="Seconds by which clocks may differ.")
    ] = TOLERANCE_S


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How it misbehaves."""

    status: Annotated[int | None, Parameter(help="Answer with this status.")] = None
    retry_after: Annotated[
        int | None, Parameter(help="… and this Retry-After, in seconds; 429 without --status.")
    ] = None
    cut: Annotated[
        bool, Parameter(show_default=False, help="Hang up in the midst of the answer.")
    ] = False
    malformed: Annotated[
        bool, Parameter(show_default=False, help="Answer with what is no HTTP.")
    ] = False
    hang: Annotated[
        bool,
        Parameter(name="--accept-then-hang", show_default=False, help="Take it, and never answer."),
    ] = False
    every: Annotated[
        int, Parameter(help="With 3: do so to each third delivery, and answer the others properly.")
    ] = 1
    slow: Annotated[float, Parameter(help="Wait so many seconds before any answer.")] = 0.0


NOBODY: Final = Trust()
GOOD: Final = Faults()


def receive(
    *,
    listen: Annotated[str, Parameter(help="HOST:PORT; port 0: any.")] = DEFAULT_LISTEN,
    trust: Trust = NOBODY,
    faults: Faults = GOOD,
    count: Annotated[int | None, Parameter(help="Stop after so many were accepted.")] = None,
    json: AsJson = False,
) -> int:
    """Receive webhooks: verify them, show them, know duplicates by their ids; until Ctrl-C.

    What is not believed is answered with 401.  The address is the first line of the output, what
    came in all the last.  To be connected to, it has to be in the endpoint's `allow`.
    """
    keys, how = _keys(trust), _misbehaviour(faults)
    try:
        check_listen(listen)
    except ValueError as error:
        message = f"--listen: {error}"
        raise UsageError(message) from error
    if count is not None and count < 1:
        message = f"--count is 1 or more, got {count}"
        raise UsageError(message)
    run(_serve(keys, how, endpoint_of(listen), count=count, json=json))
    return 0


async def _serve(
    keys: Keys, how: Misbehaviour, place: tuple[str, int], *, count: int | None, json: bool
) -> None:
    stop, show = stop_event(), _as_lines if json else _as_rows(console())

    def tell(delivery: Delivery) -> None:
        show(delivery)
        if count is not None and receiver.counts[Verdict.ACCEPTED] >= count:
            stop.set()

    receiver = Receiver(keys, how, tell)
    try:
        url = await receiver.start(*place)
        print(as_json({"listening": url}) if json else f"listening on {url}", flush=True)
        await stop.wait()
    finally:
        await receiver.stop()
    counts = {str(one): receiver.counts[one] for one in Verdict}
    if json:
        print(as_json({"summary": counts}), flush=True)
    else:
        print(", ".join(f"{many} {name}" for name, many in counts.items()), flush=True)


def _as_lines(delivery: Delivery) -> None:
    row: dict[str, Any] = {
        "at": rfc3339(delivery.at),
        "verdict": delivery.verdict,
        "answer": delivery.answer,
        "id": delivery.id,
        "detail": delivery.detail,
        "document": delivery.document,
    }
    print(as_json(row), flush=True)


def _as_rows(out: Console) -> Tell:
    def show(delivery: Delivery) -> None:
        verdict = (f"{delivery.verdict:<17} ", COLOURS[delivery.verdict])
        at = (f"{local(delivery.at)} ", "dim")
        said = " ".join(filter(None, (*_told(delivery.document), delivery.detail)))
        identity = (f"  {delivery.id}" if delivery.id else "", "dim")
        answered = f"{delivery.answer:<9} "
        out.print(Text.assemble(at, verdict, answered, printable(said), identity), soft_wrap=True)

    return show


def _told(document: dict[str, Any] | None) -> tuple[str, ...]:
    """Return what a line says of a document, whoever it is from."""
    data = {} if document is None else document.get("data")
    if document is None or not isinstance(data, dict):
        return ()
    alarm = data.get("alarm")
    which = f"{alarm.get('number')}#{alarm.get('sequence')}" if isinstance(alarm, dict) else ""
    level = f"L{data['level']}" if "level" in data else ""
    return (str(document.get("type", "")), level, which, str(data.get("title", "")))


def _keys(trust: Trust) -> Keys:
    if not trust.secret and not trust.plain_secret:
        raise UsageError("whom to believe?", f"--secret FILE; {MAKE_ONE}")
    standard = [_secret(file) for file in trust.secret]
    for file, secret in zip(trust.secret, standard, strict=True):
        try:
            key_of(secret)
        except BuildError as error:
            message = f"--secret {file}: {error}"
            raise UsageError(message, MAKE_ONE) from error
    plain = [_secret(file) for file in trust.plain_secret]
    if trust.tolerance_s <= 0:
        message = f"--tolerance is more than 0, got {trust.tolerance_s:g}"
        raise UsageError(message)
    return Keys(standard=standard, plain=plain, tolerance_s=trust.tolerance_s)


def _secret(file: Path) -> str:
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"secret file {file} cannot be read"
        raise CommandError(message, MAKE_ONE) from error
    if not secret:
        message = f"secret file {file} is empty"
        raise CommandError(message, MAKE_ONE)
    return secret


def _misbehaviour(faults: Faults) -> Misbehaviour:
    status = faults.status
    if faults.retry_after is not None and status is None:
        status = TOO_MANY
    asked = {
        Manner.STATUS: status is not None,
        Manner.CUT: faults.cut,
        Manner.MALFORMED: faults.malformed,
        Manner.HANG: faults.hang,
    }
    manners = [manner for manner, wanted in asked.items() if wanted]
    if len(manners) > 1:
        raise UsageError("one way to misbehave at a time", f"got {', '.join(manners)}")
    if status is not None and not 200 <= status <= 599:
        message = f"--status is 200 to 599, got {status}"
        raise UsageError(message)
    if faults.every < 1 or faults.slow < 0 or (faults.retry_after or 0) < 0:
        raise UsageError("--every is 1 or more, --slow and --retry-after are 0 or more")
    if faults.every > 1 and not manners:
        raise UsageError("--every goes with a way to misbehave", "--status 500 --every 3")
    return Misbehaviour(
        manner=manners[0] if manners else None,
        status=status or 200,
        every=faults.every,
        slow_s=faults.slow,
        retry_after_s=faults.retry_after,
    )
