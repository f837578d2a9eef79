"""What a writer has done, as plain numbers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np

from wattwarden.storage.enrolment import Denied
from wattwarden.storage.rows.ingest import Outcome, Prepared, Reason
from wattwarden.storage.rows.intake import Intake
from wattwarden.storage.rows.partitions import default_name
from wattwarden.storage.rows.tables import FACTOR

STORED: Final = "stored"
"""What became of a frame that is in no trouble; the others' outcomes are the reasons."""

# By place: what frames carry.
_TYPES: Final = ("other", "reading", "factor")
_DENIED: Final = frozenset(str(reason) for reason in Denied)


@dataclass(slots=True)
class WriterCounters:
    """Everything that was stored, refused, repeated or dropped is in here, once committed."""

    rounds: int = 0
    entries: int = 0
    entries_purged: int = 0
    entries_spoilt: int = 0
    envelopes_repeated: int = 0
    chain_jumps: int = 0
    chain_breaks: int = 0
    ticks: int = 0
    ticks_missed: int = 0
    frames: int = 0
    rows: int = 0
    factor_rows: int = 0
    rows_repeated: int = 0
    complements: int = 0
    revisions: int = 0
    merges: int = 0
    default_rows: int = 0
    partitions_made: int = 0
    meters_enrolled: int = 0
    frames_denied: int = 0
    frames_refused: int = 0
    decoder_errors: int = 0
    rows_refused: int = 0
    quarantined: int = 0
    quarantine_overflow: int = 0
    failures: int = 0
    timeouts: int = 0
    decoded: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Frames by codec, type and outcome."""

    def add(self, other: "WriterCounters") -> None:
        """Add what a round did."""
        for counter in fields(self):
            name = counter.name
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def count_intake(self, intake: Intake) -> None:
        """Count what a stretch of the journal held."""
        self.frames += intake.frames
        self.envelopes_repeated += intake.repeats
        self.chain_jumps += intake.jumps
        self.chain_breaks += intake.breaks
        self.ticks += len(intake.ticks)
        self.ticks_missed += intake.missed_ticks

    def count_outcome(self, outcome: Outcome) -> None:
        """Count what became of a batch."""
        for table, stored in outcome.stored.items():
            if table == FACTOR.name:
                self.factor_rows += stored.inserted
            else:
                self.rows += stored.inserted
            self.rows_repeated += stored.repeated
            self.complements += stored.complements
            self.revisions += stored.revised
            self.merges += stored.merges
            self.default_rows += sum(
                count for (_, name), count in stored.parts.items() if name == default_name(table)
            )
        self.count_reasons(trouble.reason for trouble in outcome.troubles)

    def count_frames(self, prepared: Prepared, outcome: Outcome) -> None:
        """Count the frames of a batch by what they carry and what became of them."""
        kinds = np.zeros(len(prepared.gathered), np.int8)
        for piece in prepared.decoded.pieces:
            for blocks, kind in ((piece.columns.blocks, 1), (piece.columns.factors, 2)):
                for block in blocks:
                    kinds[block.frame + piece.start] = kind
        codec = prepared.gathered.codec
        troubled = {trouble.frame: trouble.reason for trouble in outcome.troubles}
        for frame, reason in troubled.items():
            self.decoded[codec, _TYPES[kinds[frame]], reason] += 1
            kinds[frame] = len(_TYPES)
        counts = np.bincount(kinds, minlength=len(_TYPES)).tolist()
        for name, count in zip(_TYPES, counts, strict=False):
            if count:
                self.decoded[codec, name, STORED] += count

    def count_unread(self, codec: str, reasons: Iterable[str]) -> None:
        """Count frames that no codec took."""
        for reason in reasons:
            self.decoded[codec, _TYPES[0], reason] += 1

    def count_reasons(self, reasons: Iterable[str]) -> None:
        """Count why frames gave no row."""
        for reason in reasons:
            if reason in {Reason.DECODER_ERROR, Reason.DECODER_DIED}:
                self.decoder_errors += 1
            elif reason == Reason.ROW_REFUSED:
                self.rows_refused += 1
            elif reason in _DENIED:
                self.frames_denied += 1
            else:
                self.frames_refused += 1
