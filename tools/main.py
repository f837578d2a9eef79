"""The program ``wattwarden``: its commands, and how their errors reach people.

exit status   0 done   1 refused or failed   2 used wrongly   130 Ctrl-C   141 pipe closed
"""

import os
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

from cyclopts import App, CycloptsError, Parameter

from wattwarden import __version__
from wattwarden.protocol.errors import ProtocolError
from wattwarden.storage.errors import StorageError
from wattwarden.tools.errors import CommandError

FAILED: Final = 1
USED_WRONGLY: Final = 2
INTERRUPTED: Final = 128 + 2
PIPE_CLOSED: Final = 128 + 13


class Command(NamedTuple):
    """Where a command's function stands, and its first sentence."""

    path: str
    summary: str


COMMANDS: Final = {
    "up": Command(
        "wattwarden.tools.serve:up",
        "Run everything in one process tree: meters, journal, database, alarms, notices, pages.",
    ),
    "gateway": Command("wattwarden.tools.serve:gateway", "Run the meter port alone."),
    "writer": Command("wattwarden.tools.serve:writer", "Run the writers of all shards alone."),
    "warden": Command(
        "wattwarden.tools.serve_warden:warden",
        "Run the warden alone: rows and decisions become states and alarms.",
    ),
    "courier": Command(
        "wattwarden.tools.serve_courier:courier",
        "Run the courier alone: notices that fell due reach people and machines.",
    ),
    "console": Command(
        "wattwarden.tools.serve_side:console",
        "Run the console alone: pages for whoever got a link.",
    ),
    "side": Command(
        "wattwarden.tools.serve_side:side", "Run warden, courier and console in one process."
    ),
    "forwarder": Command(
        "wattwarden.tools.serve_forwarder:forwarder",
        "Run the forwarder alone: readings go on to the platforms of the folder's forward.toml.",
    ),
    "archivist": Command(
        "wattwarden.tools.serve:archivist",
        "Run the archivist alone: closed segments of the journal become files.",
    ),
    "decode": Command(
        "wattwarden.tools.decode:decode",
        "Show what frames say, which readings they give and what would be answered.",
    ),
    "inspect": Command("wattwarden.tools.inspect_frame:inspect", "Show a frame byte by byte."),
    "replay": Command("wattwarden.tools.replay:replay", "Send captured frames to a meter port."),
    "trace": Command(
        "wattwarden.tools.trace:trace",
        "Show what a meter says and is told, decoded beside the hex; until Ctrl-C.",
    ),
    "meters": Command("wattwarden.tools.meters:app", "See, register and configure meters."),
    "ask": Command(
        "wattwarden.tools.ask:ask", "召测 Ask a meter; one that is away is asked when it dials in."
    ),
    "set": Command(
        "wattwarden.tools.ask:set_",
        "设参 Set something in a meter; one that is away gets it when it dials in.",
    ),
    "recall": Command(
        "wattwarden.tools.ask:recall",
        "补召 Bring what a meter measured in the past, where its protocol can.",
    ),
    "commands": Command(
        "wattwarden.tools.commands:app",
        "See what was asked of meters, and what became of it (召测记录).",
    ),
    "forward": Command(
        "wattwarden.tools.forward:app",
        "See what platforms above us get, and try one out.",
    ),
    "readings": Command(
        "wattwarden.tools.readings:readings",
        "Print a meter's stored readings, or with --every what they come to.",
    ),
    "alarms": Command(
        "wattwarden.tools.alarms:app",
        "See what was found, and why; say what is done about it.",
    ),
    "declarations": Command(
        "wattwarden.tools.cases.declarations:app",
        "Declare stops and faults (申报), review and end them.",
    ),
    "evidence": Command(
        "wattwarden.tools.cases.evidence:app",
        "Make and verify packages that prove an alarm; keep and show files that do.",
    ),
    "outbox": Command(
        "wattwarden.tools.outbox:app",
        "See what was sent to whom and why; send again what failed.",
    ),
    "notify": Command(
        "wattwarden.tools.notify.commands:app",
        "See and say who is reached how; try endpoints out.",
    ),
    "receive": Command(
        "wattwarden.tools.receive:receive",
        "Receive webhooks: verify them, show them, know duplicates by their ids; until Ctrl-C.",
    ),
    "people": Command(
        "wattwarden.tools.people:app",
        "Let people in to the pages: links to sign in with, and locks.",
    ),
    "silences": Command(
        "wattwarden.tools.silences:app", "Keep notices of some alarms back until a moment (静默)."
    ),
    "states": Command("wattwarden.tools.alarms:states", "Print what units do now, and since when."),
    "quarantine": Command(
        "wattwarden.tools.quarantine:app", "See and retry what did not become readings."
    ),
    "registry": Command(
        "wattwarden.tools.registry.commands:app",
        "Import, export, check and show who has what and where it is metered.",
    ),
    "ledger": Command(
        "wattwarden.tools.ledgers.commands:app",
        "See, print, verify and correct the ledgers (台账) of enterprises.",
    ),
    "patrol": Command(
        "wattwarden.tools.ledgers.patrol:app", "Enter patrols (巡检) of a firm's machines."
    ),
    "repair": Command("wattwarden.tools.ledgers.repair:app", "Enter repairs (检修) of units."),
    "rules": Command(
        "wattwarden.tools.rules:app", "See, check and change the rules that readings are judged by."
    ),
    "grading": Command(
        "wattwarden.tools.grading:app", "See, try and change how alarms are graded and who is told."
    ),
    "thresholds": Command(
        "wattwarden.tools.thresholds:app",
        "See and change the numbers that single units and outlets have.",
    ),
    "backtest": Command(
        "wattwarden.tools.diagnosis.backtest:backtest",
        "Fold stored history by other rules: which alarms would appear, vanish or move.",
    ),
    "bench": Command(
        "wattwarden.tools.diagnosis.commands:app",
        "Measure how good the diagnosis is on a simulated city.",
    ),
    "demo": Command(
        "wattwarden.tools.demo:demo",
        "Run a whole system with a few simulated firms that dial in, and something wrong in one.",
    ),
    "simulate": Command(
        "wattwarden.tools.simulate:simulate",
        "Simulate a city or a factory: its machines, its meters, and what is wrong on purpose.",
    ),
    "play": Command(
        "wattwarden.tools.stories.commands:play",
        "Play a story: a simulated city, what people do in it, and what they are shown.",
    ),
    "plans": Command(
        "wattwarden.tools.plans:app",
        "See and order what is stopped or limited; keep firms' presets.",
    ),
    "responses": Command(
        "wattwarden.tools.responses:app",
        "Answer heavy-pollution warnings, and see who responded.",
    ),
    "calendars": Command(
        "wattwarden.tools.calendars:app", "Keep off-peak calendars of industries and firms."
    ),
    "consumables": Command(
        "wattwarden.tools.consumables:app",
        "See and record what wears out and is replaced or serviced.",
    ),
    "tasks": Command(
        "wattwarden.tools.enforcement.tasks:app", "Send officers, and follow what comes of it."
    ),
    "inspections": Command(
        "wattwarden.tools.enforcement.inspections:app",
        "Look into firms from afar or on site, and count both.",
    ),
    "stations": Command(
        "wattwarden.tools.enforcement.stations:app",
        "Station supervisors at firms, round the clock.",
    ),
    "findings": Command(
        "wattwarden.tools.enforcement.findings:app",
        "Enter what other sources saw, and tie it to alarms and tasks.",
    ),
    "clues": Command(
        "wattwarden.tools.enforcement.clues:app",
        "Make clues of alarms, give them to officers, tell what they were.",
    ),
    "focus": Command(
        "wattwarden.tools.enforcement.focus:app",
        "Keep the list of a firm's weak points until each is put right.",
    ),
    "flags": Command(
        "wattwarden.tools.enforcement.flags:flags_of",
        "Show which firms are flagged, and for what.",
    ),
    "assist": Command(
        "wattwarden.tools.service.commands:app",
        "Ask for help, help, and see what a firm is helped with.",
    ),
    "stats": Command(
        "wattwarden.tools.statistics.commands:stats",
        "Print statistics of the last 30 days, or from --since to --until.",
    ),
    "share": Command(
        "wattwarden.tools.statistics.sharing:app",
        "Share what an agency may see, read-only.",
    ),
    "kinds": Command(
        "wattwarden.tools.kinds:kinds",
        "Print the kinds of frames that each codec tells apart, as Markdown.",
    ),
    "archive": Command(
        "wattwarden.tools.archive:app", "See, make, verify and give back days that lie in files."
    ),
    "migrate": Command(
        "wattwarden.tools.migrate:migrate",
        "Bring the database's schema to this version's, and start nothing.",
    ),
    "backup": Command(
        "wattwarden.tools.backup:app",
        "Back up the whole installation while it runs; verify backups.",
    ),
    "restore": Command(
        "wattwarden.tools.backup:restore",
        "Make an installation of a backup, in a folder (--data) that is new or empty.",
    ),
    "reload": Command(
        "wattwarden.tools.reload:reload",
        "Have the running system read wattwarden.toml again, as SIGHUP does.",
    ),
    "doctor": Command(
        "wattwarden.tools.doctor:doctor", "Check this machine and name the cure for what is wrong."
    ),
}
"""Loaded when they are called, so that a quick command starts quickly."""


def build(called: str = "") -> App:
    """Make the command line; ``called`` is the command whose full help may be wanted."""
    app = App(
        name="wattwarden",
        help="Head-end and watchman of a city's electricity-use supervision platform.",
        version=__version__,
        help_format="markdown",
        default_parameter=Parameter(negative=()),
        result_action="return_value",
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    for name, command in COMMANDS.items():
        # A summary set here would replace the docstring of the command that is called.
        summary = None if name == called else command.summary
        app.command(command.path, name=name, help=summary)
    # Making that command loads every shell's generator: only for those who may want it.
    if called not in COMMANDS:
        app.register_install_completion_command(help="Install completion for the shell in use.")
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    # No linear algebra here: a pool of BLAS threads only costs start-up time and memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = build(words[0] if words else "")(words)
        sys.stdout.flush()
    except CycloptsError:
        return USED_WRONGLY
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (head, less): without another descriptor Python complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except (CommandError, StorageError, ProtocolError, OSError) as error:
        _say(error)
        return error.status if isinstance(error, CommandError) else FAILED
    return status if isinstance(status, int) else 0


def _say(error: Exception) -> None:
    message = str(error) or type(error).__name__
    cure = getattr(error, "cure", "")
    if not cure and isinstance(error, StorageError) and error.retryable:
        cure = "see that the system runs (wattwarden up), or ask wattwarden doctor"
    print(f"wattwarden: {message}" + (f"\n  {cure}" if cure else ""), file=sys.stderr)
