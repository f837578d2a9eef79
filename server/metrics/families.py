"""Every number that is told to monitoring, by name: the one table that code, rules and docs share.

Each sample carries the label ``role`` besides those named here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "wattwarden_"


class Kind(StrEnum):
    """How a number behaves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One name: what it means, and what tells its samples apart."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


_GATEWAY: Final = (
    Family("connections", Kind.GAUGE, "Connections that are open, known or not."),
    Family("sessions", Kind.GAUGE, "Meters that are connected and said who they are."),
    Family("connections_opened_total", Kind.COUNTER, "Connections that were let in."),
    Family("connections_refused_total", Kind.COUNTER, "Connections turned away.", ("reason",)),
    Family("connections_closed_total", Kind.COUNTER, "Connections that we closed.", ("reason",)),
    Family("connections_silent_total", Kind.COUNTER, "Connections that ended without a word."),
    Family("logins_total", Kind.COUNTER, "Meters that said who they are."),
    Family("logins_paced_total", Kind.COUNTER, "Logins that waited for their turn."),
    Family("logins_denied_total", Kind.COUNTER, "Logins that were not let in."),
    Family("meters_held_total", Kind.COUNTER, "Times that a meter sent more than its share."),
    Family("takeovers_total", Kind.COUNTER, "Meters that dialled in again before they were lost."),
    Family("duplicate_ids_total", Kind.COUNTER, "Newcomers refused: another peer uses the id."),
    Family("unknown_bytes_total", Kind.COUNTER, "Bytes that no framer accepts."),
    Family("unknown_bytes_dropped_total", Kind.COUNTER, "Of these, not kept: over the allowance."),
    Family("reading_pauses_total", Kind.COUNTER, "Times that reading was stopped for all."),
    Family("reading_paused", Kind.GAUGE, "1 while reading is stopped for all."),
    Family("pending_bytes", Kind.GAUGE, "Bytes of frames that wait for the journal."),
    Family("pending_bytes_limit", Kind.GAUGE, "From so many on reading is stopped."),
    Family("frames_total", Kind.COUNTER, "Frames, by what became of them.", ("codec", "outcome")),
    Family("ack_seconds", Kind.HISTOGRAM, "From the receipt of a frame until its answer is sent."),
    Family("envelope_frames", Kind.HISTOGRAM, "Frames that were stored together."),
    Family("envelope_bytes_total", Kind.COUNTER, "Bytes of envelopes in the journal."),
    Family("journal_retries_total", Kind.COUNTER, "Writes that had to be tried again."),
    Family("journal_full_total", Kind.COUNTER, "Writes refused because the journal is full."),
    Family("journal_refused_total", Kind.COUNTER, "Entries that the journal will never take."),
    Family("occurrences_dropped_total", Kind.COUNTER, "Openings and closings not recorded."),
    Family("commands_total", Kind.COUNTER, "Commands to meters, by what became.", ("outcome",)),
    Family("meters_traced", Kind.GAUGE, "Meters and addresses that somebody looks at."),
    Family(
        "trace_orders_total",
        Kind.COUNTER,
        "Orders to look at a meter: taken, or refused as too many or not understood.",
        ("outcome",),
    ),
    Family("clock_off_seconds", Kind.GAUGE, "The machine's clock against the system's."),
)
_JOURNAL: Final = (
    Family("journal_bytes", Kind.GAUGE, "What a shard holds.", ("shard",)),
    Family("journal_bytes_limit", Kind.GAUGE, "What a shard may hold.", ("shard",)),
    Family("journal_lag_entries", Kind.GAUGE, "Entries not in the database yet.", ("shard",)),
)
_WRITER: Final = (
    Family(
        "decoded_frames_total",
        Kind.COUNTER,
        "Frames decoded: type is reading, factor, or other for what carries no values.",
        ("codec", "type", "outcome"),
    ),
    Family("writer_shards", Kind.GAUGE, "Shards that this process takes."),
    Family("writer_round_frames", Kind.HISTOGRAM, "Frames stored in one transaction."),
    Family("writer_round_seconds", Kind.HISTOGRAM, "How long that transaction took."),
)
# By the name of the writer's counter.
WRITER_MEANINGS: Final[Mapping[str, str]] = {
    "rounds": "Transactions.",
    "entries": "Entries of the journal that were taken.",
    "entries_purged": "Entries that were purged before they became rows.",
    "entries_spoilt": "Entries that cannot be read.",
    "envelopes_repeated": "Envelopes that had been stored before.",
    "chain_jumps": "Gaps in the gateways' chains.",
    "chain_breaks": "Envelopes that name another predecessor than the one stored.",
    "ticks": "Seconds of the system that are stored.",
    "ticks_missed": "Seconds that are missing in the journal.",
    "frames": "Frames that were taken.",
    "rows": "Readings that were stored.",
    "factor_rows": "Rows of factors that were stored.",
    "rows_repeated": "Rows that were there before, with the same values.",
    "complements": "Rows that gave values which had been missing.",
    "revisions": "Rows that were there before, with other values.",
    "merges": "Batches that took the slow way because of duplicates.",
    "default_rows": "Rows whose time is beyond what is kept by day.",
    "partitions_made": "Daily partitions that were made.",
    "meters_enrolled": "Meters that were met for the first time.",
    "frames_denied": "Frames of meters that may not be enrolled.",
    "frames_refused": "Frames that their codec refused.",
    "decoder_errors": "Frames on which a codec failed: a mistake of the program's.",
    "rows_refused": "Rows that the database refused.",
    "quarantined": "Frames that went to quarantine.",
    "quarantine_overflow": "Frames not filed there: their address is over its allowance.",
    "failures": "Rounds that failed because database or journal was away.",
    "timeouts": "Rounds that took longer than they may.",
}
WARDEN_MEANINGS: Final[Mapping[str, str]] = {
    "passes": "Transactions.",
    "steps": "Steps that were folded.",
    "rows": "Rows that were folded.",
    "late_rows": "Rows that came behind their slot.",
    "rows_too_old": "Rows that came too late to be folded at all.",
    "raised": "Alarms raised.",
    "days_again": "Days of a firm that were folded again.",
    "days_put_off": "Times a day waited on for a file that could not be read.",
    "corrections": "Corrections that came of it.",
    "states_kept": "States of firms that were kept.",
    "rebuilt": "States that were rebuilt from rows.",
    "lost": "Slices that another warden took.",
    "failures": "Rounds that failed because the database was away.",
}
_WARDEN: Final = (
    Family("slices_held", Kind.GAUGE, "Of the city's 32 slices, those that this warden folds."),
    Family("step_complete", Kind.GAUGE, "The last second that every shard has stored."),
    Family("step_folded", Kind.GAUGE, "The second up to which every slice is folded."),
    Family("step_lag_seconds", Kind.GAUGE, "Seconds that wait to be folded."),
    Family("open_cases", Kind.GAUGE, "Alarms that are not done with.", ("level",)),
)
_COURIER: Final = (
    Family("courier_outcomes_total", Kind.COUNTER, "What became of messages.", ("outcome",)),
    Family("outbox_notices", Kind.GAUGE, "Notices not delivered, by state.", ("state",)),
    Family("outbox_oldest_seconds", Kind.GAUGE, "How long the oldest one is due."),
)
_CONSOLE: Final = (
    Family("pages_total", Kind.COUNTER, "What was shown, done and refused.", ("outcome",)),
    Family(
        "http_requests_total",
        Kind.COUNTER,
        "Requests, by the pattern of their path.",
        ("method", "route", "status"),
    ),
    Family("http_request_seconds", Kind.HISTOGRAM, "How long they took.", ("kind",)),
    Family("http_requests_open", Kind.GAUGE, "Requests in hand, live streams among them."),
)
_ARCHIVIST: Final = (
    Family("chore_rounds_total", Kind.COUNTER, "Rounds of the chores."),
    Family("chores_total", Kind.COUNTER, "Chores, by how they ended.", ("chore", "outcome")),
    Family("forgotten_rows_total", Kind.COUNTER, "Rows kept long enough, by what.", ("what",)),
    Family(
        "meter_commands_total",
        Kind.COUNTER,
        "What was asked of meters by itself: history, the time; refused where its queue was full.",
        ("what",),
    ),
    Family("quarantine_rows", Kind.GAUGE, "Frames that wait in quarantine."),
    Family(
        "archive_total",
        Kind.COUNTER,
        "Closed days: days, rows and bytes that became files, files removed, days that failed.",
        ("what",),
    ),
    Family("archive_waiting_days", Kind.GAUGE, "Closed days that something keeps from going."),
    Family("archive_days", Kind.GAUGE, "Days that lie in files, readings and factors apart."),
    Family("archive_bytes", Kind.GAUGE, "What these files hold."),
    Family(
        "evidence_signed_until_seconds",
        Kind.GAUGE,
        "End of the last day that is signed, in seconds since 1970; 0: none is.",
    ),
    Family("evidence_late_days", Kind.GAUGE, "Days that should be signed by now and are not."),
)
_FORWARDER: Final = (
    Family(
        "forward_items",
        Kind.GAUGE,
        "Uploads that a platform is owed: waiting, or aside because it never took them.",
        ("platform", "state"),
    ),
    Family(
        "forward_behind_seconds",
        Kind.GAUGE,
        "Seconds of rows that are no uploads yet.",
        ("platform",),
    ),
    Family(
        "forward_uploads_total",
        Kind.COUNTER,
        "Uploads since a platform was first forwarded to, by what became; let_go: never taken.",
        ("platform", "outcome"),
    ),
    Family("forward_trouble", Kind.GAUGE, "1 while something is in the way.", ("platform",)),
)
_EVERYBODY: Final = (
    Family("build_info", Kind.GAUGE, "1; which program runs.", ("version",)),
    Family("ready", Kind.GAUGE, "1 while the role can do its work."),
    Family("trouble", Kind.GAUGE, "1 for each reason why it cannot.", ("check",)),
    Family("look_failures_total", Kind.COUNTER, "Numbers that could not be had.", ("look",)),
    Family(
        "log_events_total",
        Kind.COUNTER,
        "Warnings and errors, told or only counted; of libraries by their name.",
        ("level", "event"),
    ),
)
_UP: Final = (
    Family("role_up", Kind.GAUGE, "1 while a role answers.", ("part",)),
    Family("role_restarts_total", Kind.COUNTER, "Times a role was started again.", ("part",)),
    Family(
        "reloads_total",
        Kind.COUNTER,
        "Times that settings were read again: taken, or refused because they are wrong.",
        ("outcome",),
    ),
)


def _each(room: str, meanings: Mapping[str, str]) -> tuple[Family, ...]:
    return tuple(
        Family(f"{room}_{name}_total", Kind.COUNTER, text) for name, text in meanings.items()
    )


FAMILIES_BY_ROLE: Final[Mapping[str, tuple[Family, ...]]] = {
    "every role": _EVERYBODY,
    "up": _UP,
    "gateway": (*_GATEWAY, *_JOURNAL[:2]),
    "writer": (*_WRITER, *_each("writer", WRITER_MEANINGS), _JOURNAL[2]),
    "warden": (*_WARDEN, *_each("warden", WARDEN_MEANINGS)),
    "courier": _COURIER,
    "console": _CONSOLE,
    "archivist": _ARCHIVIST,
    "forwarder": _FORWARDER,
}
"""Who tells what; ``side`` tells what warden, courier and console do."""

FAMILIES: Final[Mapping[str, Family]] = {
    family.name: family for families in FAMILIES_BY_ROLE.values() for family in families
}
