"""One JSON object as a frame: where it ends, told by its braces and strings in linear work.

{ "name": value, … }     nothing but white space between two of them

Nothing here says whether it is JSON to the letter: whoever loads it does.  An object is cut as soon
as its tokens cannot follow one another, so that half a body does not swallow the next.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from wattwarden.protocol.codec import Claim
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.outline import LengthPrefixed

HEAD: Final = b"{"
# A batch of a hundred data points takes 20 KiB; an envelope holds four of the longest.
MOST_BYTES: Final = 65_536
# Data models of platforms nest five deep; each level may be searched once more behind a fault.
MOST_DEPTH: Final = 12
BETWEEN: Final = b" \t\r\n"

# Python 3.11.2, which Debian 12 has, ends a possessive group of alternatives too early: there is
# none here, and where there must be alternatives the group is atomic.
_PLAIN: Final = rb'[^"\\\x00-\x1f]*+'
_CHARACTERS: Final = _PLAIN + rb'(?>(?:\\["\\/bfnrtu]' + _PLAIN + rb")*)"
_TOKEN: Final = re.compile(
    rb'[ \t\r\n]*+(?P<token>"' + _CHARACTERS + rb'"|[{}\[\],:]|[-+.0-9A-Za-z]++)'
)
_UNENDED: Final = re.compile(rb'[ \t\r\n]*+(?:"' + _CHARACTERS + rb"\\?)?\Z")

_QUOTE, _COLON, _COMMA = b'":,'
_WORD: Final = ord("v")  # numbers and words; none of the others
_DEEPER: Final = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}
_VALUES: Final = frozenset(b'{["v')
_AFTER_VALUE: Final = frozenset(b",}]")
_FOLLOWS: Final = {
    ord("{"): frozenset(b'"}'),
    ord("["): _VALUES | frozenset(b"]"),
    _COMMA: _VALUES,
    _COLON: _VALUES,
    _QUOTE: _AFTER_VALUE | frozenset(b":"),
    _WORD: _AFTER_VALUE,
    ord("}"): _AFTER_VALUE,
    ord("]"): _AFTER_VALUE,
}
"""Which tokens may stand behind which, by their first byte; ``v`` stands for numbers and words."""
# Names and plain values that a comma or a colon follows, as many as there are: most of any body.
_NAMED: Final = rb'[ \t\r\n]*+"' + _CHARACTERS + rb'"[ \t\r\n]*+[:,]'
_RUN: Final = rb"(?>(?:" + _NAMED + rb"|[ \t\r\n]*+[-+.0-9A-Za-z]++[ \t\r\n]*+,)*)"
_RUNS: Final = {
    ord("{"): re.compile(rb"(?>(?:" + _NAMED + _RUN + rb")?)"),
    _COMMA: re.compile(_RUN),
}
"""By the token before: a run, behind which stands what a comma or a colon asks for.  Behind others
there may be one, too, and mostly is none: who sends only those would be looked at twice."""
_MARKS: Final = frozenset(_FOLLOWS) - {_WORD}

Judge = Callable[[dict[str, Any]], bool]
"""Whether an object is one of the platform's."""


Token = tuple[int, int, int, int]
"""Its kind, where it begins and ends, and how many braces and brackets are open behind it."""


class BrokenError(Exception):
    """The tokens from here on are no object."""


def tokens(buffer: bytes, start: int, *, runs: bool = False) -> Iterator[Token]:
    """Yield the tokens of the object at ``start``, as far as they have arrived.

    With ``runs`` those are left out that stand between braces and brackets and belong together.

    Raises:
        BrokenError: what follows can be no token of it.
    """
    at, depth, follows = start, 0, frozenset(HEAD)
    limit = min(len(buffer), start + MOST_BYTES)
    while True:
        found = _TOKEN.match(buffer, at, limit)
        if found is None:
            if _UNENDED.match(buffer, at, limit):
                return
            raise BrokenError
        begin, end = found.span("token")
        kind = buffer[begin]
        if kind not in _MARKS:
            kind = _WORD
        if kind not in follows:
            raise BrokenError
        if kind == _WORD and end == limit:
            return
        depth += _DEEPER.get(kind, 0)
        if depth > MOST_DEPTH:
            raise BrokenError
        yield kind, begin, end, depth
        if not depth:
            return
        at, follows = end, _FOLLOWS[kind]
        run = _RUNS[kind].match(buffer, at, limit) if runs and kind in _RUNS else None
        if run is not None and run.end() > at:
            at, follows = run.end(), _VALUES


def measure(buffer: bytes, start: int) -> int:
    """Return the length of the object at ``start``: 0 not told yet, -1 none begins here."""
    try:
        for _, _, end, depth in tokens(buffer, start, runs=True):
            if not depth:
                return end - start
    except BrokenError:
        return -1
    return 0


def members(buffer: bytes) -> Iterator[bytes]:
    """Yield the names of an object's own members as they are written, as far as they are there."""
    name = None
    try:
        for kind, begin, end, depth in tokens(buffer, 0):
            if depth != 1:
                continue
            if kind == _QUOTE and name is None:
                name = buffer[begin + 1 : end - 1]
            elif kind == _COLON and name is not None:
                yield name
            elif kind == _COMMA:
                name = None
    except BrokenError:
        return


def spans(buffer: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the names of an object's own members, and where their values begin and end."""
    name, value = None, 0
    try:
        for kind, begin, end, depth in tokens(buffer, 0):
            if depth > 1:
                continue
            if kind == _QUOTE and not value:
                name = buffer[begin + 1 : end - 1]
            elif kind == _COLON and not value:
                value = end
            elif name is not None and value and depth == (kind == _COMMA):
                yield name, value, begin
                name, value = None, 0
    except BrokenError:
        return


def recognition(own: frozenset[bytes], others: frozenset[bytes]) -> Callable[[bytes], Claim]:
    """Return what knows a platform's body by the first member whose name any platform uses."""

    def recognise(head: bytes) -> Claim:
        if not head.lstrip(BETWEEN):
            return Claim.MORE
        if not head.startswith(HEAD):
            return Claim.NO
        for name in members(head):
            if name in own:
                return Claim.YES
            if name in others:
                return Claim.NO
        return Claim.MORE if measure(head, 0) == 0 else Claim.NO

    return recognise


def outline(judge: Judge, recognise: Callable[[bytes], Claim]) -> LengthPrefixed:
    """Return the outline of the bodies that ``judge`` takes for a platform's."""

    def fits(buffer: bytes, start: int, end: int) -> bool:
        raw = buffer[start:end]
        if recognise(raw) is not Claim.YES:
            return False
        try:
            return judge(load(raw))
        except ProtocolError:
            return False

    return LengthPrefixed(HEAD, MOST_BYTES, measure, fits, preamble=BETWEEN)


def load(raw: bytes) -> dict[str, Any]:
    """Read a body that is one object.

    Raises:
        ProtocolError: it is none, or too long.
    """
    if len(raw) > MOST_BYTES:
        message = f"{len(raw)} bytes, at most {MOST_BYTES} are accepted"
        raise ProtocolError(Refusal.LENGTH, message, MOST_BYTES)
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _what_is_wrong(raw, error) from error
    # What holds few brackets is nested no deeper; the rest has to be followed.
    flat = raw.count(b"{") + raw.count(b"[") <= MOST_DEPTH
    if not isinstance(body, dict) or not (flat or measure(raw, 0) > 0):
        raise ProtocolError(Refusal.UNKNOWN, "the body is no JSON object, or nested too deep")
    return body


def _what_is_wrong(raw: bytes, error: orjson.JSONDecodeError) -> ProtocolError:
    """Say where a body ends too early, or what follows it; else what JSON has against it."""
    size = measure(raw, 0)
    if size == 0:
        return ProtocolError(Refusal.LENGTH, "the body ends before its brace", len(raw))
    if size < 0:
        return ProtocolError(Refusal.UNKNOWN, "the body is no JSON object")
    if raw[size:].strip(BETWEEN):
        return ProtocolError(Refusal.LENGTH, "something stands behind the object", size)
    text = f"the body is no JSON: {error.msg}"
    return ProtocolError(Refusal.DECODE, text, min(error.pos, len(raw)))
