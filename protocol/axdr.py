"""A-XDR (IEC 61334-6): the encoding that DL/T 698.45 and DLMS/COSEM share, as construct pieces.

    REPORT = Record("piid" / U8, "items" / Listed(Record("oad" / OAD, "result" / RESULT)))

parse(piece, bytes) → plain values, as JSON can carry them   └► Trace: which bytes said what
build(piece, values) → bytes

A piece that reads bytes tells the trace, if there is one, which they were: so the declaration that
reads and writes a frame explains it as well.  Everything is bounded by the bytes given: an element
of a list takes one at least, and nesting ends at MOST_DEPTH.
"""

import struct
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import construct as cs

from wattwarden.protocol.codec import Field
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.wire import parts_of

if TYPE_CHECKING:
    Piece = cs.Construct[Any, Any]
else:  # construct is generic for type checkers alone
    Piece = cs.Construct

# Standards nest four deep (a record's row in a list in an answer); hostile bytes end here.
MOST_DEPTH: Final = 12
_REST: Final = "其余 rest"
# Longer than any frame: what claims more is cut short anyway, and the number stays small.
_MOST_LENGTH_BYTES: Final = 4


class Step(NamedTuple):
    """A stretch of the parsed bytes and what it said."""

    begin: int
    end: int
    name: str
    value: str
    unit: str


def fields_of(
    steps: Iterable[Step], frame: bytes, begin: int, end: int, label: Callable[[str], str]
) -> Iterator[Field]:
    """Explain ``frame[begin:end]`` by steps that count from ``begin``; gaps are its rest."""
    at = begin
    for step in steps:
        if begin + step.begin > at:
            yield Field(at, frame[at : begin + step.begin], _REST)
        at = begin + step.end
        raw = frame[begin + step.begin : at]
        yield Field(begin + step.begin, raw, label(step.name), step.value, step.unit)
    if at < end:
        yield Field(at, frame[at:end], _REST)


class Trace:
    """Collects what each stretch says, in order.

    ``subject`` is whatever the codec wants its pieces to know of those before them.
    """

    __slots__ = ("steps", "subject")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.subject: Any = None

    def tell(self, begin: int, end: int, name: str, value: str = "", unit: str = "") -> None:
        """Note one stretch."""
        self.steps.append(Step(begin, end, name, value, unit))


def trace_of(context: Any) -> Trace | None:
    """Return the trace of a parse, None where nobody wants one."""
    found: Trace | None = context["_params"].get("trace")
    return found


def name_of(path: str) -> str:
    """Return the name of the field that is being parsed."""
    return path.rpartition(" -> ")[2]


class ExhaustedError(Exception):
    """As many values were read as the caller wanted to spend on."""


def parse(piece: Any, raw: bytes, offset: int = 0, **context: Any) -> tuple[Any, int]:
    """Parse what begins at ``offset`` of a frame; return its value and where it ends there.

    ``most_values`` in the context limits how many tagged values are read before ExhaustedError.

    Raises:
        ProtocolError: it is cut short, or has no such structure.
    """
    stream = BytesIO(raw)
    stream.seek(offset)
    # As construct's own ``parse_stream``, without its containers, which cost more than the parse.
    whole = {"_params": {"depth": [0], "count": [0], **context}}
    try:
        value = read_part(piece, stream, whole, "")
    except ProtocolError as error:
        raise ProtocolError(error.kind, error.message, stream.tell()) from error
    return value, stream.tell()


def build(piece: Any, value: Any) -> bytes:
    """Build the bytes of a value.  What is not given is zero.

    Raises:
        ValueError: a value is not of its kind, or its piece cannot hold it.
    """
    try:
        return bytes(piece.build(value))
    except (struct.error, cs.ConstructError, KeyError, TypeError, AttributeError) as error:
        message = f"no frame can carry this: {error}"
        raise ValueError(message) from error


def read_part(piece: Any, stream: Any, context: Any, path: str) -> Any:
    """Parse a part of a piece, as construct's own pieces do; ``path`` ends with its name."""
    return piece._parse(stream, context, path)  # noqa: SLF001  # construct's seam for pieces


def write_part(piece: Any, value: Any, stream: Any, context: Any, path: str) -> None:
    """Build a part of a piece, as construct's own pieces do."""
    piece._build(value, stream, context, path)  # noqa: SLF001  # construct's seam for pieces


def take(stream: Any, size: int) -> bytes:
    """Read ``size`` bytes.  Raises ProtocolError where there are fewer."""
    raw: bytes = stream.read(size)
    if len(raw) < size:
        raise ProtocolError(Refusal.DECODE, f"{size} bytes are due, {len(raw)} are left")
    return raw


def take_length(stream: Any) -> int:
    """Read a length: one byte up to 127, otherwise the number of its bytes and those."""
    first = take(stream, 1)[0]
    if first < 0x80:
        return first
    size = first & 0x7F
    if not 1 <= size <= _MOST_LENGTH_BYTES:
        raise ProtocolError(Refusal.DECODE, f"a length of {size} bytes")
    return int.from_bytes(take(stream, size), "big")


def length_bytes(length: int) -> bytes:
    """Write a length in as few bytes as hold it."""
    if length < 0x80:
        return bytes([length])
    raw = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw


class Leaf(Piece):
    """A piece without parts: ``get`` reads its value, ``put`` gives its bytes."""

    @abstractmethod
    def get(self, stream: Any) -> Any:
        """Read the value."""

    @abstractmethod
    def put(self, value: Any) -> bytes:
        """Return the bytes of a value."""

    def show(self, value: Any) -> str:
        """Say the value to people."""
        return str(value)

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        trace = trace_of(context)
        if trace is None:
            return self.get(stream)
        begin = stream.tell()
        value = self.get(stream)
        trace.tell(begin, stream.tell(), name_of(path), self.show(value))
        return value

    def _build(self, obj: Any, stream: Any, _context: Any, _path: str) -> Any:
        stream.write(self.put(obj))
        return obj


class Nothing(Leaf):
    """No bytes."""

    def get(self, stream: Any) -> None:  # noqa: D102  # by Leaf
        del stream

    def put(self, value: Any) -> bytes:  # noqa: D102  # by Leaf
        del value
        return b""

    def _parse(self, stream: Any, context: Any, path: str) -> None:
        """Tell the trace nothing."""


class Record(cs.Struct):
    """Fields one behind the other, as a dict; a later one may look at those before it."""

    @cached_property
    def parts(self) -> tuple[tuple[str, Any], ...]:
        """Name and piece of each field."""
        return tuple((str(name), piece) for name, piece in parts_of(self))

    def _parse(self, stream: Any, context: Any, _path: str) -> Any:
        found: dict[str, Any] = {}
        inner = {"_params": context["_params"], "found": found}
        for name, part in self.parts:
            found[name] = read_part(part, stream, inner, name)
        return found

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        for part in self.subcons:
            write_part(part, obj.get(part.name), stream, context, path)
        return obj


class Listed(Piece):
    """Any number of the same piece behind their count."""

    def __init__(self, piece: Any) -> None:
        super().__init__()
        self.piece = piece

    def _parse(self, stream: Any, context: Any, path: str) -> list[Any]:
        begin = stream.tell()
        count = take_length(stream)
        trace = trace_of(context)
        if trace is not None:
            trace.tell(begin, stream.tell(), f"count of {name_of(path)}", str(count))
        return [read_part(self.piece, stream, context, path) for _ in range(count)]

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(length_bytes(len(obj)))
        for item in obj:
            write_part(self.piece, item, stream, context, path)
        return obj


class Choice(Piece):
    """One of several pieces behind the byte that says which: ``{name: value}``."""

    def __init__(self, choices: Mapping[int, tuple[str, Any]]) -> None:
        super().__init__()
        self.choices = dict(choices)
        self.numbers = {name: number for number, (name, _) in choices.items()}

    def _parse(self, stream: Any, context: Any, path: str) -> dict[str, Any]:
        begin = stream.tell()
        number = take(stream, 1)[0]
        if number not in self.choices:
            message = f"no {name_of(path)} has the choice {number}"
            raise ProtocolError(Refusal.DECODE, message)
        name, piece = self.choices[number]
        trace = trace_of(context)
        if trace is not None:
            trace.tell(begin, begin + 1, f"choice of {name_of(path)}", f"{number} {name}")
        return {name: read_part(piece, stream, context, name)}

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        ((name, value),) = obj.items()
        number = self.numbers[name]
        stream.write(bytes([number]))
        write_part(self.choices[number][1], value, stream, context, path)
        return obj


class Maybe(Piece):
    """A piece behind a byte that says whether it is there; None where it is not."""

    def __init__(self, piece: Any) -> None:
        super().__init__()
        self.piece = piece

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        begin = stream.tell()
        there = take(stream, 1)[0]
        if there > 1:
            message = f"{name_of(path)} is there (1) or not (0), got {there}"
            raise ProtocolError(Refusal.DECODE, message)
        trace = trace_of(context)
        if trace is not None:
            trace.tell(begin, begin + 1, f"presence of {name_of(path)}", "yes" if there else "no")
        return read_part(self.piece, stream, context, path) if there else None

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(b"\0" if obj is None else b"\1")
        if obj is not None:
            write_part(self.piece, obj, stream, context, path)
        return obj


class Tagged(Piece):
    """A value behind the tag of its type: ``{name of the type: value}``, None for tag 0.

    ``types`` gives name and piece of each tag, once they are all declared: some hold tagged values
    themselves.  Where the trace has a ``subject`` with ``next_value(kind, value)``, that may say
    name, value and unit of a value to people.
    """

    def __init__(self, types: Callable[[], Mapping[int, tuple[str, Any]]]) -> None:
        super().__init__()
        self._declared = types

    @cached_property
    def types(self) -> dict[int, tuple[str, Any]]:
        """Name and piece of each tag."""
        return dict(self._declared())

    @cached_property
    def tags(self) -> dict[str, int]:
        """The tag of each type's name."""
        return {name: tag for tag, (name, _) in self.types.items()}

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        parameters = context["_params"]
        trace: Trace | None = parameters.get("trace")
        begin = 0 if trace is None else stream.tell()
        if "most_values" in parameters:
            _count(parameters)
        tag = take(stream, 1)[0]
        found = self.types.get(tag)
        if found is None:
            raise ProtocolError(Refusal.DECODE, f"no type of data has the tag {tag}")
        name, piece = found
        if isinstance(piece, Leaf):
            value = piece.get(stream)
            if trace is not None:
                said = _said(trace.subject, path, name, piece, value)
                trace.tell(begin, stream.tell(), *said)
            return {name: value} if tag else None
        if trace is not None:
            trace.tell(begin, begin + 1, f"type of {name_of(path)}", name)
        depth = parameters["depth"]
        if depth[0] >= MOST_DEPTH:
            raise ProtocolError(Refusal.DECODE, f"data are nested {MOST_DEPTH} deep at most")
        depth[0] += 1
        value = read_part(piece, stream, context, path)
        depth[0] -= 1
        return {name: value}

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is None:
            stream.write(b"\0")
            return obj
        ((name, value),) = obj.items()
        tag = self.tags[name]
        stream.write(bytes([tag]))
        write_part(self.types[tag][1], value, stream, context, path)
        return obj


def _count(parameters: Any) -> None:
    most, count = parameters["most_values"], parameters["count"]
    count[0] += 1
    if most is not None and count[0] > most:
        raise ExhaustedError


def _said(subject: Any, path: str, kind: str, piece: Leaf, value: Any) -> tuple[str, str, str]:
    """Say what a value is called, what it says and its unit; the subject may know the object."""
    if subject is not None:
        told: tuple[str, str, str] | None = subject.next_value(kind, value)
        if told is not None:
            return told
    return name_of(path), kind if value is None else f"{kind} {piece.show(value)}", ""
