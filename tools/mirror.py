"""What a meter port owes for the bytes it is sent, foretold by running its own session here."""

from wattwarden.protocol.codec import Batch, Codec, ProfileOf
from wattwarden.protocol.errors import ProtocolError
from wattwarden.protocol.events import Received, SessionLimits
from wattwarden.protocol.framer import Framer
from wattwarden.protocol.session import Session


class Mirror:
    """The session that the other side keeps of one connection.

    ``foretell`` takes what is sent, ``hear`` what comes back; times are microseconds UTC.
    """

    def __init__(self, codecs: tuple[Codec, ...], profile_of: ProfileOf, now: int) -> None:
        self._session = Session(codecs, profile_of, SessionLimits(), now)
        self._profile_of = profile_of
        self._framer: Framer | None = None

    def foretell(self, data: bytes, now: int) -> list[bytes]:
        """Return the frames that come back for ``data``, those of the journal's ack included."""
        session = self._session
        session.receive_data(data, now)
        later: list[bytes] = []
        while (event := session.next_event()) is not None:
            if isinstance(event, Received):
                later += self._acks(event.codec, event.frames, now)
        at_once = session.data_to_send()
        if session.codec is None:
            return []
        if self._framer is None or self._framer.outline is not session.codec.outline:
            self._framer = Framer(session.codec.outline)
        return Framer(session.codec.outline).feed(at_once + b"".join(later))

    def hear(self, data: bytes) -> list[bytes]:
        """Cut what the other side sent into frames; bytes in no known protocol stay one frame."""
        return [data] if self._framer is None else self._framer.feed(data)

    def kind(self, frame: bytes) -> str | None:
        """Name what a reply is, None where that cannot be read."""
        if self._session.codec is None:
            return None
        try:
            return self._session.codec.read(frame, self._profile_of).kind
        except ProtocolError:
            return None

    def _acks(self, codec: Codec, frames: list[bytes], now: int) -> list[bytes]:
        batch = self._batch(frames, now)
        if codec.confirm is not None:
            verdicts = codec.confirm(batch).tolist()
            for frame, fits in zip(frames, verdicts, strict=True):
                if not fits:
                    self._session.reject(frame, now)
            frames = [frame for frame, fits in zip(frames, verdicts, strict=True) if fits]
            batch = self._batch(frames, now)
        return codec.acknowledge(batch) if frames else []

    def _batch(self, frames: list[bytes], now: int) -> Batch:
        identity = self._session.identity
        return Batch.of(frames, now, identity=identity, profile_of=self._profile_of)
