"""Split packets (PNUM, PNO): what a part needs of the parts before it.

part 1 ─► Context ─► part 2 ─► Context ─► … part n       each is read alone, with its context

Meters cut where they like: between items, in a name, in a number.  A number that the end of a part
cut looks like another number, so what stands behind the last ``;`` of a part, all that one code has
to say, is read with the next part, unless it ends in a flag or a log, which cannot go on.  When the
next part never comes, the journal alone has it.

The dialogue finds the contexts, since it sees the parts in order, and the journal keeps each beside
its part as what it answers: ``CP=&&DataTime=…;PolId=…&&rest``.  A part out of order, or the first
that a connection sends, has none.
"""

from typing import Final, NamedTuple

from wattwarden.codecs.hj212.header import CP_BEGIN, CP_END
from wattwarden.protocol.pairs import read_pairs, split

# What a part leaves to the next: one code's statistics have 300 bytes, a log of the standard 1,024.
MAX_JOINED_BYTES: Final = 4096
# A logger with several meters behind it may split a packet of each at once.
MAX_OPEN_PACKETS: Final = 4
MAX_COMMON_BYTES: Final = 32  # a time has 17, an instrument's factor 8

_TIME: Final = b"DataTime"
# What holds for a whole packet: its time, and what an instrument's information is about.
_COMMON: Final = (_TIME, b"PolId")
_LOG: Final = b"=//"
_LOG_END: Final = b"//"
_SEMICOLON: Final = ord(";")


class Context(NamedTuple):
    """What the parts before one said: values by name that hold for it too, and an unended rest."""

    common: dict[bytes, bytes]
    rest: bytes


class Passage(NamedTuple):
    """What is read with a part: data that each name their time, and what is left to the next part.

    ``is_undated`` tells that some were left out, whose time no part before has said.
    """

    dated: list[bytes]
    is_undated: bool
    after: Context


Key = tuple[bytes, bytes, int]
"""MN, CN and PNUM: by what parts of one packet are known."""


class _Seen(NamedTuple):
    """The last part of a packet that came, its context and the next one's."""

    number: int
    before: bytes
    after: bytes


class Packets:
    """The split packets of one connection."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: dict[Key, _Seen] = {}

    def follow(self, key: Key, part: tuple[int, int], data: bytes) -> bytes:
        """Take note of a part; return its context as the journal keeps it, b"" for none.

        A part that comes again, since its answer was lost, has the context that it had.
        """
        seen = self._seen.pop(key, None)
        before = b""
        if seen is not None and part[0] > 1:
            before = {seen.number: seen.before, seen.number + 1: seen.after}.get(part[0], b"")
        after = write_context(read_part(part, data, read_context(before)).after)
        self._seen[key] = _Seen(part[0], before, after)
        if len(self._seen) > MAX_OPEN_PACKETS:
            del self._seen[next(iter(self._seen))]
        return before


def write_context(context: Context) -> bytes:
    """Return a context as the journal keeps it, b"" for an empty one."""
    if not (context.common or context.rest):
        return b""
    return CP_BEGIN + _stated(context.common) + CP_END + context.rest


def read_context(raw: bytes) -> Context:
    """Undo ``write_context``; what is no context, such as a request, says nothing."""
    if not raw.startswith(CP_BEGIN):
        return Context({}, b"")
    common, _, rest = raw[len(CP_BEGIN) :].partition(CP_END)
    return Context(_common_in(common), rest)


def read_part(part: tuple[int, int], data: bytes, context: Context) -> Passage:
    """Join a part with what it continues, and leave to the next what may go on there."""
    number, count = part
    common, rest = context
    texts = [rest, data] if data.startswith(_TIME + b"=") else [_joined(rest, data)]
    end = len(texts[-1]) if number == count else _unended(texts[-1])
    texts[-1], left = texts[-1][:end], texts[-1][end:]
    dated: list[bytes] = []
    is_undated = False
    for text in filter(None, texts):
        own = _common_in(text)
        missing = {name: value for name, value in common.items() if name not in own}
        if _TIME in own or _TIME in common:
            dated.append(_stated(missing) + b";" + text if missing else text)
        else:
            is_undated = True
        common = common | own
    common = {name: value for name, value in common.items() if _is_short_word(value)}
    return Passage(dated, is_undated, Context(common, left))


def _common_in(text: bytes) -> dict[bytes, bytes]:
    """Return what a text says for the whole packet; of what it says twice, the first counts."""
    pairs = dict(reversed(read_pairs(text)[0]))
    return {name: pairs[name] for name in _COMMON if name in pairs}


def _stated(common: dict[bytes, bytes]) -> bytes:
    return b";".join(name + b"=" + value for name, value in common.items())


def _is_short_word(value: bytes) -> bool:
    return len(value) <= MAX_COMMON_BYTES and value.isalnum()


def _joined(rest: bytes, data: bytes) -> bytes:
    """Put data behind the rest of the part before, a ``;`` between what are items of their own."""
    if not rest or _open_log(rest) >= 0:
        return rest + data
    before, behind = split(rest)[-1], split(data)[0]
    return rest + b";" + data if _is_item(before) and _is_item(behind) else rest + data


def _is_item(text: bytes) -> bool:
    name, equals, _ = text.partition(b"=")
    return bool(name and equals)


def _unended(text: bytes) -> int:
    """Return where begins what may go on in the next part, the end when nothing may."""
    log = _open_log(text)
    items = split(text if log < 0 else text[:log])
    if log < 0 and _is_ended(items[-1]):
        return len(text)
    begin = len(text) if log < 0 else log
    for item in reversed(items):
        begin -= len(item)
        if not begin or text[begin - 1] == _SEMICOLON:
            break
        begin -= 1
    return begin if len(text) - begin <= MAX_JOINED_BYTES else len(text)


def _is_ended(item: bytes) -> bool:
    """Whether an item is whole, whatever follows: a flag is one letter, a log has its end."""
    name, _, value = item.partition(b"=")
    if name.endswith(b"-Flag"):
        return len(value) == 1
    return len(value) >= 2 * len(_LOG_END) and value.startswith(_LOG_END) and value.endswith(b"//")


def _open_log(text: bytes) -> int:
    """Return where the ``=//`` of a log is that has not ended, -1 when there is none."""
    at = text.find(_LOG)
    while at >= 0:
        end = text.find(_LOG_END, at + len(_LOG))
        if end < 0:
            return at
        at = text.find(_LOG, end + len(_LOG_END))
    return -1
