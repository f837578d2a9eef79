"""The secrets folder in one sealed file: keys, tokens, passwords, by a passphrase.

    WWSEAL1, a line feed │ salt, 16 bytes │ nonce, 12 │ AES-256-GCM of msgpack {name: content}
    key = scrypt(passphrase, salt, N = 2^15, r = 8, p = 1)

Names of the files stand in the manifest as well; what they hold stands nowhere else.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wattwarden.storage.backup.errors import BackupError, DamagedError
from wattwarden.storage.backup.files import PRIVATE_FILE, PRIVATE_FOLDER
from wattwarden.storage.engines.nats_address import TOKEN_FILE
from wattwarden.storage.journal.segment_file import sync_folder

MARK: Final = b"WWSEAL1\n"
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
# A tenth of a second and 32 MiB a guess: what RFC 7914 takes for interactive use, and then some.
SCRYPT_N: Final = 2**15
SCRYPT_R: Final = 8
SCRYPT_MEMORY_BYTES: Final = 64 * 1024**2
# Shorter ones are guessed, whatever they are stretched by.
LEAST_LETTERS: Final = 12


def check_passphrase(passphrase: str) -> str:
    """Return a passphrase that may seal secrets.

    Raises:
        BackupError: It is too short.
    """
    if len(passphrase) < LEAST_LETTERS:
        message = f"the passphrase has {len(passphrase)} letters, {LEAST_LETTERS} are needed"
        raise BackupError(
            message, cure="write a longer one into the file, such as four random words"
        )
    return passphrase


def read_secrets(folder: Path) -> dict[str, bytes]:
    """Return the files of a secrets folder by name; none where there is no folder.

    The token of the embedded journal is left out: every place makes its own.
    """
    if not folder.is_dir():
        return {}
    kept = (one for one in sorted(folder.iterdir()) if one.is_file() and one.name != TOKEN_FILE)
    return {one.name: one.read_bytes() for one in kept}


def seal(secrets: dict[str, bytes], passphrase: str) -> bytes:
    """Seal secrets by a passphrase."""
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    head = MARK + salt + nonce
    sealed = AESGCM(_key(passphrase, salt)).encrypt(nonce, msgspec.msgpack.encode(secrets), head)
    return head + sealed


def unseal(sealed: bytes, passphrase: str) -> dict[str, bytes]:
    """Open what was sealed.

    Raises:
        BackupError: With this passphrase it does not open, or it is nothing that was sealed.
    """
    if not sealed.startswith(MARK) or len(sealed) < len(MARK) + SALT_BYTES + NONCE_BYTES:
        message = "the file of the secrets is none that was sealed"
        raise DamagedError(message)
    head = sealed[: len(MARK) + SALT_BYTES + NONCE_BYTES]
    salt, nonce = head[len(MARK) :][:SALT_BYTES], head[-NONCE_BYTES:]
    try:
        opened = AESGCM(_key(passphrase, salt)).decrypt(nonce, sealed[len(head) :], head)
    except InvalidTag as error:
        message = "the secrets do not open with this passphrase"
        raise BackupError(
            message, cure="name the file of the one that they were sealed by"
        ) from error
    try:
        return msgspec.msgpack.decode(opened, type=dict[str, bytes])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        message = f"the secrets are none: {error}"
        raise DamagedError(message) from error


def put_secrets(folder: Path, secrets: dict[str, bytes]) -> None:
    """Write the files of a secrets folder, onto the disk: a signing key is made only once."""
    folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
    for name, content in secrets.items():
        place = folder / Path(name).name
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(place, flags, PRIVATE_FILE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)


def _key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(),
        salt=salt,
        n=SCRYPT_N,
        r=SCRYPT_R,
        p=1,
        maxmem=SCRYPT_MEMORY_BYTES,
        dklen=32,
    )
