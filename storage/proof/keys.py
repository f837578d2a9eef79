"""The keys by which roots and packages are signed: ed25519, each vouched for by the one before.

    first key ─ signs ─► second key ─ signs ─► … ─ signs ─► the key in use

The file ``evidence-key.json`` of the secrets folder holds the key in use and the public parts of
all, and is open to its owner alone.  An older private key is gone once another is in its place.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wattwarden.alarms.decisions.chain import canonical
from wattwarden.storage.errors import StorageError
from wattwarden.storage.journal.segment_file import sync_folder

FILE: Final = "evidence-key.json"
# A key a year for a century, and one that changes hands every month for eight.
MAX_KEYS: Final = 100
PUBLIC_BYTES: Final = 32
_FOR_OTHERS: Final = 0o077


class KeyRecord(msgspec.Struct, frozen=True):
    """A public key (hexadecimal), since when, and its predecessor's signature, "" for the first."""

    public: str
    made_at: datetime
    signature: str


class KeyChainError(ValueError):
    """A key is not vouched for by the one before it."""


class _Kept(msgspec.Struct, frozen=True):
    """What the file holds."""

    private: str
    keys: list[KeyRecord]


@dataclass(frozen=True, slots=True)
class Signer:
    """The key in use, and all public ones, the first first."""

    private: Ed25519PrivateKey
    keys: tuple[KeyRecord, ...]

    @property
    def public(self) -> str:
        """The public key in use, hexadecimal."""
        return self.keys[-1].public

    def follows(self, public: str) -> bool:
        """Tell whether a key is the one in use, or one that vouches for it."""
        return any(public == record.public for record in self.keys)

    def sign(self, purpose: bytes, data: bytes) -> str:
        """Sign data for a purpose; what is signed for one stands for no other."""
        return self.private.sign(_meant(purpose, data)).hex()


def is_signed(public: str, purpose: bytes, data: bytes, signature: str) -> bool:
    """Tell whether a signature (hexadecimal) is that key's over that data for that purpose."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), _meant(purpose, data))
    except (ValueError, InvalidSignature):
        return False
    return True


def check_chain(keys: Sequence[KeyRecord]) -> None:
    """Check that each key is vouched for by the one before.

    Raises:
        KeyChainError: One is not, or there are none, or too many.
    """
    if not 0 < len(keys) <= MAX_KEYS:
        message = f"{len(keys)} keys, 1 to MAX_KEYS, {MAX_KEYS}, are read"
        raise KeyChainError(message)
    for number, record in enumerate(keys):
        before = keys[number - 1].public if number else ""
        if not number and record.signature:
            raise KeyChainError("the first key names one before it")
        if number and not is_signed(before, b"key", _sealed(record), record.signature):
            message = f"key {number + 1} is not signed by the one before it"
            raise KeyChainError(message)


def fingerprint(public: str) -> str:
    """Return how people compare a key: SHA-256 of it in groups of four digits."""
    digits = hashlib.sha256(bytes.fromhex(public)).hexdigest()[:32]
    return " ".join(digits[place : place + 4] for place in range(0, len(digits), 4))


def open_signer(secrets: Path, now: datetime) -> Signer:
    """Return the key in use; the first one is made.  Blocks on the disk.

    Raises:
        StorageError: The file cannot be read or written, is open to others, or is damaged.
    """
    path = secrets / FILE
    if not path.exists():
        private = Ed25519PrivateKey.generate()
        with contextlib.suppress(FileExistsError):
            _write(path, _kept(private, (KeyRecord(_public(private), now, ""),)), replacing=None)
    try:
        mode, data = path.stat().st_mode, path.read_bytes()
        kept = msgspec.json.decode(data, type=_Kept)
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(kept.private))
        check_chain(kept.keys)
    except OSError as error:
        text = f"signing key {path}: {error.strerror}"
        raise StorageError(text, retryable=False) from error
    except ValueError as error:
        text = f"signing key {path}: {error}; put back the copy of a backup"
        raise StorageError(text, retryable=False) from error
    if mode & _FOR_OTHERS:
        text = f"signing key {path} is open to others: chmod 600 {path}"
        raise StorageError(text, retryable=False)
    if _public(private) != kept.keys[-1].public:
        text = f"signing key {path}: its last public key is another's"
        raise StorageError(text, retryable=False)
    return Signer(private, tuple(kept.keys))


def rotate(secrets: Path, now: datetime) -> Signer:
    """Put a new key in the place of the one in use, which signs it; raises as ``open_signer``."""
    old = open_signer(secrets, now)
    private = Ed25519PrivateKey.generate()
    draft = KeyRecord(_public(private), now, "")
    record = msgspec.structs.replace(draft, signature=old.sign(b"key", _sealed(draft)))
    keys = (*old.keys, record)
    if len(keys) > MAX_KEYS:
        text = f"there are {MAX_KEYS} keys already; begin a chain of its own in another folder"
        raise StorageError(text, retryable=False)
    path = secrets / FILE
    _write(path, _kept(private, keys), replacing=path)
    return Signer(private, keys)


def _meant(purpose: bytes, data: bytes) -> bytes:
    return b"wattwarden " + purpose + b"\n" + data


def _sealed(record: KeyRecord) -> bytes:
    """What the key before signs."""
    return canonical([record.public, record.made_at])


def _public(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def _kept(private: Ed25519PrivateKey, keys: Sequence[KeyRecord]) -> bytes:
    return msgspec.json.encode(_Kept(private.private_bytes_raw().hex(), list(keys)))


def _write(path: Path, data: bytes, *, replacing: Path | None) -> None:
    """Bring a file to disk under its name, at once; FileExistsError where none is replaced."""
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        owner = path.parent.stat()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            # Started as root the system may run as somebody else, who owns the folder.
            if os.geteuid() == 0:
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        if replacing is None:
            os.link(draft, path)
            draft.unlink()
        else:
            draft.replace(path)
        # Roots stand by this key for years: its name must be on the disk before the first of them.
        sync_folder(path.parent)
    except FileExistsError:
        draft.unlink(missing_ok=True)
        raise
    except OSError as error:
        draft.unlink(missing_ok=True)
        text = f"signing key {path}: {error.strerror}; run as the user that runs the system"
        raise StorageError(text, retryable=False) from error
