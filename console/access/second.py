"""The second factor: six digits of an app, by time (RFC 6238), each good once.

secrets/totp-RANDOM     the shared secret in base32, mode 0600; the store knows the file's name
"""

import os
import re
import time
from pathlib import Path
from secrets import token_hex
from typing import Final

import pyotp

from wattwarden.console.doors import Parts

STEP_S: Final = 30
# A telephone's clock is a few seconds off, and people type slowly: one step before and after.
STEPS_OFF: Final = 1
ISSUER: Final = "Wattwarden"

_NAME: Final = re.compile(r"totp-[0-9a-f]{32}")
_CODE: Final = re.compile(r"[0-9]{6}")


def new_file(parts: Parts) -> str:
    """Make a new secret and return the name of its file.

    Raises:
        OSError: The folder of secrets cannot be written.
    """
    name = f"totp-{token_hex(16)}"
    parts.secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(parts.secrets / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(pyotp.random_base32() + "\n")
        opened.flush()
        os.fsync(descriptor)
    return name


def secret_in(parts: Parts, name: str) -> str | None:
    """Return the secret of a file; None where there is none any more."""
    if _NAME.fullmatch(name) is None:
        return None
    try:
        return Path(parts.secrets / name).read_text("ascii").strip()
    except (OSError, ValueError):
        return None


def forget(parts: Parts, name: str | None) -> None:
    """Remove a file that nothing names any more."""
    if name is not None and _NAME.fullmatch(name) is not None:
        (parts.secrets / name).unlink(missing_ok=True)


def address_for(secret: str, person: str) -> str:
    """Return what apps scan."""
    return pyotp.TOTP(secret).provisioning_uri(name=person, issuer_name=ISSUER)


def step_of(secret: str, code: str) -> int | None:
    """Return the step of the clock whose code this is, near now; None where it is none."""
    if _CODE.fullmatch(code) is None:
        return None
    now = int(time.time()) // STEP_S
    totp = pyotp.TOTP(secret)
    for step in range(now - STEPS_OFF, now + STEPS_OFF + 1):
        if pyotp.utils.strings_equal(totp.at(step * STEP_S), code):
            return step
    return None
