"""Settings: defaults < ``wattwarden.toml`` in the data folder < environment < flags.

Environment names begin with WATTWARDEN_ and nest with two underscores:
``WATTWARDEN_GATEWAY__LISTEN=0.0.0.0:10212``.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from wattwarden.console.oidc.registration import USUAL_LEEWAY_S, Algorithm, Claim
from wattwarden.server.addresses import (
    check_dsn,
    check_issuer,
    check_listen,
    check_nats,
    check_network,
    check_public,
    check_store,
)
from wattwarden.storage.enrolment import ENROLMENTS_PER_PEER_HOUR, Policy
from wattwarden.storage.rows.binding import ClockBounds

# All addresses, since meters dial in from outside.  Above the well-known ports, below the
# ephemeral ones; 212 as in HJ 212.
DEFAULT_LISTEN: Final = "0.0.0.0:10212"
# Pages belong behind something that speaks TLS; until somebody says so, nobody else sees them.
DEFAULT_CONSOLE_LISTEN: Final = "127.0.0.1:10280"
# Numbers are for the machine's own monitoring until somebody says otherwise.
DEFAULT_METRICS_LISTEN: Final = "127.0.0.1:10290"
OFF: Final = "off"

# Time as it is; and an hour a tick: what rules tell apart by minutes is lost beyond.
REAL_RATE: Final = 1
FASTEST_RATE: Final = 3600

Positive = Annotated[int, Field(gt=0)]
# Beyond the cores of the largest machines nothing is gained, and each has connections of its own.
Processes = Annotated[int, Field(ge=1, le=128)]
PositiveSeconds = Annotated[float, Field(gt=0)]
# A file of the secrets folder, and no other.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")]
# Limits of gateways count what was sent within a day: a courier that starts reads it back.
DaysKept = Annotated[int, Field(ge=2)]
# Clocks that are a day off, and the day that goes on, write into partitions.
FEWEST_HOT_DAYS: Final = 3


LogLevel = Literal["debug", "info", "warning", "error"]


def _listen_or_off(address: str) -> str:
    return address if address == OFF else check_listen(address)


class Section(BaseModel):
    """A group of settings; names that do not exist are refused."""

    model_config = ConfigDict(extra="forbid")


class GatewaySettings(Section):
    """The meter port, and the doors beside it.  Limits are those of each process."""

    # How many `up` runs, at the same addresses; one fills a core at some 40,000 frames a second.
    processes: Processes = 1
    listen: Annotated[str, AfterValidator(check_listen)] = DEFAULT_LISTEN
    # Where IoT platforms push, and where meters send datagrams; unset: nowhere.
    http_listen: Annotated[str, AfterValidator(check_listen)] | None = None
    udp_listen: Annotated[str, AfterValidator(check_listen)] | None = None
    # Addresses for meters that never say who they are (Modbus TCP), by name: the meters' profiles
    # name theirs.
    listeners: dict[FileName, Annotated[str, AfterValidator(check_listen)]] = {}
    # Where meters that speak TLS dial in, with the gateway's certificate, its chain and its key:
    # PEM files of the secrets folder.  With an authority, each meter has to show a certificate of
    # it.  Files that change are taken up without a restart.
    tls_listen: Annotated[str, AfterValidator(check_listen)] | None = None
    tls_certificate_file: FileName | None = None
    tls_key_file: FileName | None = None
    tls_client_ca_file: FileName | None = None
    # A handshake takes three turns; over NB-IoT, with a chain of certificates, some seconds.
    tls_handshake_s: PositiveSeconds = 15.0
    # Each takes the gateway a millisecond, three with certificates of meters, and it does nothing
    # else meanwhile: up to a third of a core.  Newcomers beyond it wait as long as one may take.
    tls_handshakes_per_second: Positive = 100
    # Meters behind one carrier NAT have half of that; nobody takes the others' turns.
    tls_handshakes_per_peer_second: Positive = 50
    # A meter with a wrong certificate dials again every few seconds; a scanner does so for hours.
    tls_failures_per_peer_minute: Positive = 60
    # Files of the secrets folder; a platform without one is not listened to.
    onenet_token_file: FileName | None = None
    ctwing_token_file: FileName | None = None
    # What 300 MiB of connections hold; the descriptor limit may be lower, `doctor` says so.
    max_sessions: Positive = 50_000
    # Meters behind one carrier NAT share an address; more than this from one is no city.
    max_sessions_per_peer: Positive = 20_000
    # From where meters dial in, over TCP, TLS and UDP, as networks; unset: from anywhere.
    allowed_networks: tuple[Annotated[str, AfterValidator(check_network)], ...] = ()
    # Newcomers of one address, five thousand of them at once: all that a power cut leaves behind
    # one carrier NAT.  A storm that goes on is a flood.
    connections_per_peer_second: Positive = 200
    # A DTU that dials in for each report does so every few seconds at most.
    logins_per_meter_minute: Positive = 60
    # Logins with a wrong password or card, of one meter from one address, in ten minutes.
    denied_logins_per_meter: Positive = 20
    # Ten days of a meter's minutes at once; then five hundred reports a second, or the others would
    # wait for a journal that one meter fills.
    meter_burst_bytes: Positive = 4 * 1024 * 1024
    meter_bytes_per_second: Positive = 128 * 1024
    # A city of ten thousand after a power cut is in within five seconds.  A login takes a gateway
    # some 0.2 ms: three fifths of a core are left to the frames of those who are in.  Newcomers
    # beyond this rate wait for their turn, ten seconds at most; who would wait longer dials again.
    logins_per_second: Positive = 2_000
    pre_login_s: PositiveSeconds = 30.0
    partial_frame_s: PositiveSeconds = 20.0
    noise_before_login_bytes: Positive = 4096
    noise_bytes: Positive = 65_536
    # Unknown bytes kept as evidence: a scanner's first words, not its whole dictionary.
    unknown_bytes_per_connection: Positive = 4096
    unknown_records_per_peer_hour: Positive = 100
    # Frames waiting for the journal; 64 MiB is minutes of a city's traffic, then reading pauses.
    pending_bytes: Positive = 64 * 1024 * 1024
    drain_s: PositiveSeconds = 10.0

    @model_validator(mode="after")
    def _has_certificate(self) -> Self:
        """Refuse to speak TLS without a certificate.

        Raises:
            ValueError: The files of the certificate and of its key are not both named.
        """
        if self.tls_listen is None:
            return self
        if self.tls_certificate_file is None or self.tls_key_file is None:
            raise ValueError("tls_listen needs tls_certificate_file and tls_key_file")
        return self


class JournalSettings(Section):
    """The journal and its shards."""

    shards: Positive = 2
    replicas: Positive = 1
    max_bytes: Positive | None = None
    append_timeout_s: PositiveSeconds = 5.0


class ArchivistSettings(Section):
    """Closed segments of the journal, and other chores."""

    # Unset: archive/ in the data folder.
    folder: Path | None = None
    # An hour keeps the journal small on a quiet day, 1 GiB of payload on a busy one.
    segment_age_s: PositiveSeconds = 3600.0
    segment_bytes: Positive = 1024**3
    # At 100 MB/s a segment of 1 GiB fills in ten seconds; looking costs three requests a shard.
    interval_s: PositiveSeconds = 10.0
    # Where closed days lie: file:///… or s3://bucket/prefix?endpoint_override=HOST:PORT&region=….
    # Unset: days/ in the folder above.
    days_store: Annotated[str, AfterValidator(check_store)] | None = None
    # Days are folded again for 62 days, and a month's report looks at the month before: nothing
    # of that opens a file.
    hot_days: Annotated[int, Field(ge=FEWEST_HOT_DAYS)] = 70
    # Older ones are removed: five years, as long as ledgers are to be kept, and a month in which
    # they are asked for.
    archive_days: Positive = 1857
    # Who time-stamps signed daily roots (RFC 3161), such as http://tsa.example/tsr.  Unset: nobody.
    time_stamp_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    # Who was told what is asked for by a year's assessment, and by appeals a month after it.
    notices_days: DaysKept = 400
    # What a gateway said is disputed with its bill at the latest; by far the most rows.
    attempts_days: DaysKept = 90
    # As long as the readings that a recall brought; gaps of a city are some thousand a day.
    commands_days: DaysKept = 400

    @model_validator(mode="after")
    def _keeps_what_is_closed(self) -> Self:
        """Refuse to remove days as soon as they are files.

        Raises:
            ValueError: Days would be too old for the archive before they come into it.
        """
        if self.archive_days <= self.hot_days:
            raise ValueError("archive_days has to be more than hot_days: both count from the day")
        return self


class WardenSettings(Section):
    """Rows and decisions to states and alarms."""

    # How many `up` runs; they share the enterprises.
    processes: Processes = 1
    # Ticks come once a second, and each pass costs the database a transaction.
    interval_s: PositiveSeconds = 1.0


class OidcSettings(Section):
    """A provider of identities by which people may sign in to the pages as well."""

    # Exactly as the provider writes itself in its description.
    issuer: Annotated[str, AfterValidator(check_issuer)]
    client_id: Annotated[str, Field(min_length=1, max_length=255)]
    # A file of the secrets folder, read at every sign-in; unset: a public client.
    client_secret_file: FileName | None = None
    # By which claim people are bound.  An address may be given to somebody else one day.
    claim: Claim = Claim.SUBJECT
    # What is asked for beside openid; "email" where people are bound by their addresses.
    scopes: tuple[Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")], ...] = ()
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = (Algorithm.RS256,)
    # The authority of a closed network, PEM; unset: those of the system.
    ca_file: Path | None = None
    # Clocks that are minutes apart make every token of the one early for the other.
    leeway_s: Annotated[int, Field(ge=0, le=300)] = USUAL_LEEWAY_S
    # On the button: 用…登录, Sign in with ….
    label_zh: Annotated[str, Field(min_length=1, max_length=20)] = "单位统一认证"
    label_en: Annotated[str, Field(min_length=1, max_length=40)] = "your organisation"


class ConsoleSettings(Section):
    """The pages."""

    listen: Annotated[str, AfterValidator(check_listen)] = DEFAULT_CONSOLE_LISTEN
    # How people outside reach it: links in messages begin with that.  Unset: messages have none.
    # Port 0 stands for the one that is listened on.
    public_url: Annotated[str, AfterValidator(check_public)] | None = None
    # Who may say, in X-Forwarded-For, whom it asks for: networks of the reverse proxies.
    trusted_proxies: tuple[Annotated[str, AfterValidator(check_network)], ...] = ()
    # Unset: people sign in with passwords alone.
    oidc: OidcSettings | None = None

    @model_validator(mode="after")
    def _leads_back(self) -> Self:
        """Refuse a provider that nobody comes back from.

        Raises:
            ValueError: It is not said how people outside reach the pages.
        """
        if self.oidc is not None and self.public_url is None:
            raise ValueError("oidc needs public_url, to which the provider leads back")
        return self


class MetricsSettings(Section):
    """What is told to monitoring, and where."""

    # HOST:PORT, or "off".  `up` listens here for all its roles, which the kernel gives a port each.
    listen: Annotated[str, AfterValidator(_listen_or_off)] = DEFAULT_METRICS_LISTEN
    # A file of the secrets folder; whoever asks for numbers shows what it holds.
    token_file: FileName | None = None


class WriterSettings(Section):
    """Journal to rows."""

    # How many `up` runs; they share the journal's shards, and more than those have nothing to do.
    processes: Processes = 1
    unknown_meters: Policy = Policy.ENROL
    enrolments_per_peer_hour: Positive = ENROLMENTS_PER_PEER_HOUR
    retention_days: Positive = ClockBounds().retention_days


def default_data_folder() -> Path:
    """Return where data lie when nobody says: the system's place for root, else the user's own."""
    if os.geteuid() == 0:
        return Path("/var/lib/wattwarden")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "wattwarden"


class Settings(BaseSettings):
    """Everything that can be set.  Unset addresses mean: use the embedded engine."""

    model_config = SettingsConfigDict(
        env_prefix="WATTWARDEN_",
        env_nested_delimiter="__",
        extra="forbid",
        validate_default=True,
    )

    data: Path = Field(default_factory=default_data_folder)
    dsn: Annotated[str, AfterValidator(check_dsn)] | None = None
    # One address, or several of a cluster, separated by commas.
    nats: Annotated[str, AfterValidator(check_nats)] | None = None
    # How many seconds pass in one, for simulated cities; unset: as the data folder has it.
    clock_rate: Annotated[int, Field(ge=REAL_RATE, le=FASTEST_RATE)] | None = None
    # What is told less grave than this is not told.
    log_level: LogLevel = "info"
    gateway: GatewaySettings = GatewaySettings()
    journal: JournalSettings = JournalSettings()
    warden: WardenSettings = WardenSettings()
    writer: WriterSettings = WriterSettings()
    console: ConsoleSettings = ConsoleSettings()
    archivist: ArchivistSettings = ArchivistSettings()
    metrics: MetricsSettings = MetricsSettings()

    # The flags that they were read with.
    _flags: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, **flags: Any) -> None:
        super().__init__(**flags)
        self._flags = flags

    # They change in place when they are read again.
    __hash__ = None  # type: ignore[assignment]  # as Python has it for what compares and changes

    def __eq__(self, other: object) -> bool:
        """Whether the same is set, wherever it was said."""
        return isinstance(other, Settings) and self.model_dump() == other.model_dump()

    def again(self) -> "Settings":
        """Read them from the same sources as they are now.

        Raises:
            pydantic.ValidationError: a value is out of bounds or a name is unknown.
            tomllib.TOMLDecodeError: the file is no TOML.
        """
        return load_settings(**self._flags).model_copy(update={"data": self.data})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, environment, the data folder's file."""
        del dotenv_settings, file_secret_settings
        flags = init_settings()
        data = flags.get("data") or env_settings().get("data") or default_data_folder()
        toml = TomlConfigSettingsSource(settings_cls, Path(data) / "wattwarden.toml")
        return init_settings, env_settings, toml


def load_settings(**flags: Any) -> Settings:
    """Read the settings; ``flags`` that are None count as not given.

    Raises:
        pydantic.ValidationError: a value is out of bounds or a name is unknown.
    """
    return Settings(**{name: value for name, value in flags.items() if value is not None})
