"""To which platforms above us readings go: ``forward.toml`` of the data folder.

    [platforms.city]
    address = "203.0.113.7:9000"
    enterprises = ["E1", "E2"]
    password_file = "city_password"     # of the secrets folder

docs/forwarding.md has every setting.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from wattwarden.codecs.hj212.client import VERSION_OF
from wattwarden.codecs.hj212.header import MAX_MN_BYTES
from wattwarden.codecs.tables import find_factor, read_factors
from wattwarden.protocol.quantity import QUANTITIES
from wattwarden.protocol.toml_file import read_toml
from wattwarden.server.addresses import dialled, endpoint_of

EVERYBODY: Final = "*"
# A table of names and addresses; what is larger is none.
MAX_TABLE_BYTES: Final = 1_048_576

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_CODE: Final = re.compile(r"[A-Za-z0-9_]{1,24}")
_MN: Final = re.compile(rf"[!-%'-+\--:<>-~]{{1,{MAX_MN_BYTES}}}")  # printable, none of ; , = &
_FILE_NAME: Final = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"


class ForwardTableError(ValueError):
    """The table cannot be used.  The message says what is wrong and what is allowed."""


class Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Under which code a quantity is sent, and how many of ours make one of theirs."""

    code: str
    scale: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A platform: where it is, for whom, and how it is spoken to.

    ``overtime_s`` is how long an answer is waited for, ``retries`` how often uploads without one
    are sent again before the line is given up; ``window`` how many wait for their answer at once.
    """

    address: str
    enterprises: Annotated[list[str], msgspec.Meta(min_length=1)]
    password_file: Annotated[str, msgspec.Meta(pattern=_FILE_NAME)]
    st: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z]{2}$")] = "31"
    edition: int = 2017
    # HJ 212-2017, 6.3: ten seconds and three times over GPRS and 4G.
    overtime_s: Annotated[float, msgspec.Meta(gt=0, le=99)] = 10.0
    retries: Annotated[int, msgspec.Meta(ge=0, le=99)] = 3
    window: Annotated[int, msgspec.Meta(ge=1, le=256)] = 16
    # A thousand meters send 17 a second; a platform that was away is not flooded by its back-fill.
    per_second: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 50
    # Values as the meter reports them, or with the points' transformer ratios.
    ratios: bool = True
    mn: dict[str, str] = {}
    codes: dict[str, str | Code] = {}

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port."""
        return endpoint_of(self.address)

    def codes_in_force(self) -> dict[str, Code]:
        """Return the code of each quantity that is sent."""
        if not self.codes:
            return DEFAULT_CODES
        return {
            quantity: _scaled(quantity, code) if isinstance(code, str) else code
            for quantity, code in self.codes.items()
        }


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    platforms: dict[str, Platform] = {}


def load_forward_table(path: Path) -> dict[str, Platform]:
    """Return the platforms of a table by name; none where there is no such file.

    Raises:
        ForwardTableError: The table cannot be used.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TABLE_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise ForwardTableError(message) from error
    try:
        return read_forward_table(text)
    except ForwardTableError as error:
        message = f"{path}: {error}"
        raise ForwardTableError(message) from error


def read_forward_table(text: bytes) -> dict[str, Platform]:
    """Read a table.

    Raises:
        ForwardTableError: It cannot be used.
    """
    if len(text) > MAX_TABLE_BYTES:
        message = f"a table has at most {MAX_TABLE_BYTES} bytes"
        raise ForwardTableError(message)
    try:
        table = msgspec.convert(read_toml(text.decode()), _Table)
    except (ValueError, msgspec.ValidationError) as error:
        raise ForwardTableError(str(error)) from error
    for name, platform in table.platforms.items():
        problem = _problem(name, platform)
        if problem:
            message = f"platforms.{name}: {problem}"
            raise ForwardTableError(message)
    return table.platforms


def _problem(name: str, platform: Platform) -> str:
    """Return what is wrong with a platform, "" for nothing."""
    shared = _shared(platform.mn)
    unknown = sorted(set(platform.codes) - set(QUANTITIES))
    codes = [code.code for code in platform.codes_in_force().values()]
    checks = (
        (not _NAME.fullmatch(name), "a name is a-z 0-9 _ -, 32 at most"),
        (not _can_be_dialled(platform.address), "address is HOST:PORT"),
        (
            platform.edition not in VERSION_OF,
            f"edition is one of {', '.join(map(str, VERSION_OF))}",
        ),
        (bool(unknown), f"no such quantity: {', '.join(unknown)}"),
        (not all(_CODE.fullmatch(code) for code in codes), "a code is A-Z a-z 0-9 _, 24 at most"),
        (len(set(codes)) < len(codes), "two quantities have the same code"),
        (
            not all(_MN.fullmatch(mn) for mn in platform.mn.values()),
            f"an MN is up to {MAX_MN_BYTES} printable letters, none of ; , = &",
        ),
        (bool(shared), shared),
    )
    return next((text for is_wrong, text in checks if is_wrong), "")


def _shared(names: Mapping[str, str]) -> str:
    """Return which MN stands for two, "" for none: their uploads could not be told apart.

    A channel may have the MN of its meter, whose other channels have a suffix.
    """
    owners: dict[str, str] = {}
    for whole, mn in names.items():
        other = owners.setdefault(mn, whole)
        if other not in (whole, _meter_of(whole)) and whole != _meter_of(other):
            return f"the MN {mn} stands for {other} and for {whole}: each has one of its own"
    return ""


def _meter_of(whole: str) -> str:
    return whole.partition("/")[0]


def _can_be_dialled(address: str) -> bool:
    try:
        dialled(address)
    except ValueError:
        return False
    return True


def _scaled(quantity: str, code: str) -> Code:
    """Return a code with the unit that the standard's table gives it."""
    factor = find_factor(read_factors("hj212_factors"), code)
    known = factor is not None and factor.quantity == quantity
    return Code(code, factor.scale if known and factor is not None else 1.0)


DEFAULT_CODES: Final = {
    factor.quantity: Code(factor.code, factor.scale)
    for factor in read_factors("hj212_factors").values()
    if factor.quantity and not factor.own_channel and "#" not in factor.code
}
"""Those of HJ 212-2025 for a three-phase meter."""
