"""What the writer, and a retry from quarantine, read frames with."""

from dataclasses import replace

from wattwarden import __version__
from wattwarden.codecs import load_codecs
from wattwarden.server.settings import Settings
from wattwarden.storage.enrolment import Admission
from wattwarden.storage.profiles import ProfileBook
from wattwarden.storage.retrying import Readers
from wattwarden.storage.rows.binding import ClockBounds


def readers_of(settings: Settings, book: ProfileBook) -> Readers:
    """Return all codecs, the profiles of a book, and the limits that are set."""
    writer = settings.writer
    return Readers(
        codecs=load_codecs(),
        profile_of=book.of,
        bounds=ClockBounds(retention_days=writer.retention_days),
        admission=Admission(writer.unknown_meters, writer.enrolments_per_peer_hour),
        program=__version__,
    )


def free_readers(settings: Settings, book: ProfileBook) -> Readers:
    """Return the same for somebody who asks for a retry.

    The limits that protect against inventive peers do not apply.
    """
    readers = readers_of(settings, book)
    free = replace(readers.admission, enrolments_per_peer_hour=None, layouts_per_meter_hour=None)
    return replace(readers, admission=free)
