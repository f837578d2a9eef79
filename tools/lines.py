"""Lines of hex, JSON or text as commands read them: bounded, from a file or standard input."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, cast

from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.tools.errors import CommandError, UsageError

STANDARD_INPUT: Final = "-"
# A line is what one connection sent in one go; bodies of push platforms stay below half of this.
MAX_LINE_BYTES: Final = 2 * 1024 * 1024

# Of SM4, the only cipher that meters use here (GB/T 32907).
KEY_BYTES: Final = 16

_KEY_CURE: Final = f"write --key MN=HEX, {2 * KEY_BYTES} hex digits"
_HEX: Final = b"0123456789abcdefABCDEF"
_SPACES: Final = b" \t:-"


@contextmanager
def opened(source: str) -> Iterator[BufferedReader]:
    """Open a file, or standard input for ``-``.

    Raises:
        CommandError: the file cannot be read.
    """
    if source == STANDARD_INPUT:
        yield cast("BufferedReader", sys.stdin.buffer)
        return
    if source.startswith("-"):
        message = f"there is no option {source}"
        raise UsageError(message, "see --help")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(Path(source).open("rb"))
        except OSError as error:
            message = f"cannot read {source}: {error.strerror}"
            raise CommandError(message, "give a file, or - for standard input") from error
        yield file


def numbered_lines(
    file: BinaryIO, seen: Callable[[int], object] = lambda _bytes: None
) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line that is not blank with its number from 1; None for one that is too long.

    ``seen`` hears how many bytes were read.
    """
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        seen(len(line))
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
                seen(len(line))
            yield number, None
        elif stripped := line.strip():
            yield number, stripped


def payload(line: bytes) -> bytes:
    """Return the bytes a line stands for: hex (spaces, colons and hyphens allowed), or its text.

    Text begins with what is no hex digit, as JSON bodies and frames of HJ 212 do.

    Raises:
        ProtocolError: it begins as hex and does not go on so; ``offset`` is how many bytes were
            read before.
    """
    if line[:1] not in _HEX:
        return line
    digits = line.translate(None, _SPACES)
    wrong = len(digits) - len(digits.lstrip(_HEX))
    if wrong < len(digits):
        shown = digits[wrong : wrong + 1].decode("latin-1")
        message = f"hex digits expected, found {shown!r}: give each byte as two of 0-9 and a-f"
        raise ProtocolError(Refusal.UNKNOWN, message, wrong // 2)
    if len(digits) % 2:
        message = f"hex digits come in pairs, found {len(digits)}: the line lacks one, or its end"
        raise ProtocolError(Refusal.UNKNOWN, message, len(digits) // 2)
    return bytes.fromhex(digits.decode("ascii"))


def parse_key(text: str) -> tuple[str, bytes]:
    """Read MN=HEX.

    Raises:
        UsageError: it is not of that form; the key itself is never shown.
    """
    address, _, digits = text.rpartition("=")
    try:
        key = bytes.fromhex(digits)
    except ValueError as error:
        message = f"the key of {address or 'a meter'} is not hex"
        raise UsageError(message, _KEY_CURE) from error
    if not address or not key:
        raise UsageError("--key names no meter or no key", _KEY_CURE)
    if len(key) != KEY_BYTES:
        message = f"a key is {KEY_BYTES} bytes, that of {address} is {len(key)}"
        raise UsageError(message, _KEY_CURE)
    return address, key
