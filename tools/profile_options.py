"""The options that configure a meter."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter

from wattwarden.protocol.codec import ClockPolicy
from wattwarden.storage.profiles import AccessBody, ProfileBody, RecallPolicy
from wattwarden.tools.errors import UsageError
from wattwarden.tools.keys import check_key, check_password, key_name, read_key_from, write_key


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class ProfileOptions:
    """What can be configured for a meter."""

    zone: Annotated[
        str | None, Parameter(help="Zone of its clock, such as Asia/Shanghai (the default).")
    ] = None
    cycle: Annotated[int | None, Parameter(help="Seconds between its reports.")] = None
    listener: Annotated[str | None, Parameter(help="Name of its listener profile.")] = None
    clock: Annotated[
        ClockPolicy | None,
        Parameter(
            help="Its clock: trust it, sync it where the protocol can, or take the server's time"
            " instead. Unset: what it is off is measured, and taken off."
        ),
    ] = None
    recall: Annotated[
        RecallPolicy | None,
        Parameter(help="auto: ask again for what is missing, where the protocol can."),
    ] = None
    key_file: Annotated[
        str | None, Parameter(help="Name of the file in the secrets folder that holds its key.")
    ] = None
    key_from_stdin: Annotated[
        bool,
        Parameter(
            show_default=False,
            help="Read its key, 32 hex digits, from standard input into the secrets folder.",
        ),
    ] = False
    password_file: Annotated[
        str | None,
        Parameter(
            help="Name of the file in the secrets folder that holds its password (PW of HJ 212):"
            " frames without it are refused. Unset: any is taken."
        ),
    ] = None
    network: Annotated[
        tuple[str, ...],
        Parameter(
            help="A network that it dials in from, such as 10.8.0.0/16; repeatable. Unset: any.",
            show_default=False,
        ),
    ] = ()
    certificate: Annotated[
        str | None,
        Parameter(
            help="What it shows where it speaks TLS: sha256:DIGITS, serial:DIGITS or cn:NAME."
        ),
    ] = None
    sim: Annotated[
        str | None,
        Parameter(help="ICCID of the card that it registers with (Acrel), or its beginning and *."),
    ] = None
    option: Annotated[
        tuple[str, ...],
        Parameter(
            help="A setting of its codec, NAME=VALUE; VALUE may be JSON, or @FILE that holds it;"
            " repeatable.",
            show_default=False,
        ),
    ] = ()
    unset: Annotated[
        tuple[str, ...],
        Parameter(
            help="Back to the default: zone, cycle, clock, recall, listener, key, password,"
            " network, certificate, sim or an option; repeatable.",
            show_default=False,
        ),
    ] = ()

    def is_empty(self) -> bool:
        """Whether nothing is to be configured."""
        return self == AS_IT_IS

    def applied(self, body: ProfileBody, secrets: Path, codec: str, address: str) -> ProfileBody:
        """Return ``body`` with what is given changed; a key from standard input is a file then.

        Raises:
            UsageError: an option is not NAME=VALUE, or a name to unset is unknown.
            CommandError: the key file cannot be used.
        """
        key = self._key(secrets, codec, address)
        fields = msgspec.structs.asdict(body) | {"options": dict(body.options)}
        for name in self.unset:
            _unset(fields, name)
        given = {
            "zone": self.zone,
            "cycle_s": self.cycle,
            "listener": self.listener,
            "key": key,
            "clock": self.clock,
            "recall": self.recall,
        }
        fields |= {name: value for name, value in given.items() if value is not None}
        fields["access"] = self._access(body.access or AccessBody(), secrets)
        for text in self.option:
            name, equals, value = text.partition("=")
            if not name or not equals:
                message = f"--option {text} is not NAME=VALUE"
                raise UsageError(message, "such as --option ack_cp=QnRtn=1")
            fields["options"][name] = _value(_text_of(value))
        return ProfileBody(**fields)

    def _access(self, body: AccessBody, secrets: Path) -> AccessBody | None:
        """Return what the meter has to show, with what is given changed; None for nothing."""
        if self.password_file is not None:
            check_password(secrets, self.password_file)
        given = {
            "password": self.password_file,
            "networks": self.network,
            "certificate": self.certificate,
            "sim": self.sim,
        }
        fields = msgspec.structs.asdict(body)
        for name in _ACCESS_NAMES.keys() & set(self.unset):
            fields[_ACCESS_NAMES[name]] = () if name == "network" else None
        made = AccessBody(**(fields | {name: value for name, value in given.items() if value}))
        return None if made == AccessBody() else made

    def _key(self, secrets: Path, codec: str, address: str) -> str | None:
        """Return the name of the key file, None when the key stays."""
        name = self.key_file
        if self.key_from_stdin:
            if name is not None:
                raise UsageError("two keys given", "choose --key-file or --key-from-stdin")
            name = key_name(codec, address)
            write_key(secrets, name, read_key_from(sys.stdin))
        if name is not None:
            check_key(secrets, name)
        return name


AS_IT_IS: Final = ProfileOptions()
_ACCESS_NAMES: Final = {
    "password": "password",
    "network": "networks",
    "certificate": "certificate",
    "sim": "sim",
}
_FIELD_NAMES: Final = {
    "zone": "zone",
    "cycle": "cycle_s",
    "listener": "listener",
    "key": "key",
    "clock": "clock",
    "recall": "recall",
}


def _unset(fields: dict[str, Any], name: str) -> None:
    if name in _ACCESS_NAMES:
        return
    if name in _FIELD_NAMES:
        fields[_FIELD_NAMES[name]] = None
    elif name in fields["options"]:
        del fields["options"][name]
    else:
        message = f"--unset {name}: neither a field nor an option that is set"
        raise UsageError(message, f"fields are {', '.join((*_FIELD_NAMES, *_ACCESS_NAMES))}")


def _text_of(value: str) -> str:
    """Return a value, or what stands in the file that it names."""
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"--option: {value[1:]} cannot be read"
        raise UsageError(message, str(error)) from error


def _value(text: str) -> Any:
    """Read an option's value: what it is as JSON, a text where it is none."""
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
    return text if value is None else value
