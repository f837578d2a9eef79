"""The services of DL/T 698.45: what an APDU holds behind its tag and the byte of its variant.

    tag variant fields [follow report] time tag

SERVICES has each by tag and variant; ``kind`` is the slug of the message.  What the client sends
has a time tag behind its fields, what the server sends a report that follows and a time tag, each
behind a byte that says whether it is there; link and security services have neither.
"""

from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlt698.data import (
    COMDCB,
    DATA,
    RCSD,
    RSD,
    SID,
    SID_MAC,
    TI,
)
from wattwarden.codecs.dlt698.values import DAR, DATE_TIME, DATE_TIME_S, MAC, OAD, TSA
from wattwarden.protocol.axdr import (
    Choice,
    Listed,
    Maybe,
    Nothing,
    Piece,
    Record,
    length_bytes,
    name_of,
    read_part,
    take_length,
    trace_of,
    write_part,
)
from wattwarden.protocol.axdr_values import OCTETS, U8, U16, U32, Bits, Boolean, Hex, Text
from wattwarden.protocol.errors import ProtocolError, Refusal


def columns_of(rcsd: list[dict[str, Any]], *, spread: bool = True) -> list[str]:
    """Return the OAD of each column; of an object with several attributes each, if ``spread``."""
    columns: list[str] = []
    for csd in rcsd:
        if "oad" in csd:
            columns.append(csd["oad"])
        elif spread:
            columns += csd["road"]["columns"]
        else:
            columns.append(csd["road"]["oad"])
    return columns


class Rows(Piece):
    """The rows of a record, each with a value for every column that the ``rcsd`` before names.

    Meters differ in whether an object with several attributes has a column for each or one for
    all; the parse's ``spread`` says which is tried.
    """

    def _parse(self, stream: Any, context: Any, path: str) -> list[list[Any]]:
        begin = stream.tell()
        count = take_length(stream)
        columns = columns_of(context["found"]["rcsd"], spread=context["_params"]["spread"])
        if count and not columns:
            raise ProtocolError(Refusal.DECODE, "rows of no column")
        trace = trace_of(context)
        if trace is not None:
            trace.tell(begin, stream.tell(), f"count of {name_of(path)}", str(count))
        return [self._row(stream, context, path, columns) for _ in range(count)]

    def _row(self, stream: Any, context: Any, path: str, columns: list[str]) -> list[Any]:
        row = []
        for oad in columns:
            trace = trace_of(context)
            if trace is not None and trace.subject is not None:
                trace.subject.begin(oad)
            row.append(read_part(DATA, stream, context, f"{path} -> {oad}"))
        return row

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(length_bytes(len(obj)))
        for row in obj:
            for value in row:
                write_part(DATA, value, stream, context, path)
        return obj


class Transparent(Piece):
    """What a port received: a list of octet strings, of some meters a single one.

    The parse's ``spread`` says which is tried.
    """

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        piece = Listed(OCTETS) if context["_params"]["spread"] else OCTETS
        return read_part(piece, stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        write_part(OCTETS if isinstance(obj, str) else Listed(OCTETS), obj, stream, context, path)
        return obj


class Subject(Piece):
    """An OAD whose value comes next: the trace is told, so that it can name and scale it."""

    def _parse(self, stream: Any, context: Any, path: str) -> str:
        oad: str = read_part(OAD, stream, context, path)
        trace = trace_of(context)
        if trace is not None and trace.subject is not None:
            trace.subject.begin(oad)
        return oad

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        write_part(OAD, obj, stream, context, path)
        return obj


PIID: Final = U8
OF_OBJECT: Final = Subject()
ROWS: Final = Rows()
RECEIVED: Final = Transparent()
RESULT: Final = Choice({0: ("dar", DAR), 1: ("data", DATA)})
NORMAL: Final = Record("oad" / OF_OBJECT, "result" / RESULT)
RECORD: Final = Record(
    "oad" / OAD, "rcsd" / RCSD, "result" / Choice({0: ("dar", DAR), 1: ("rows", ROWS)})
)
TIME_TAG: Final = Record("sent_at" / DATE_TIME_S, "delay" / TI)
FOLLOW: Final = Choice({1: ("items", Listed(NORMAL)), 2: ("records", Listed(RECORD))})
CLIENT_TAIL: Final = Record("time_tag" / Maybe(TIME_TAG))
SERVER_TAIL: Final = Record("follow_report" / Maybe(FOLLOW), "time_tag" / Maybe(TIME_TAG))

_ASKED: Final = Record("oad" / OAD, "rsd" / RSD, "rcsd" / RCSD)
_SET: Final = Record("oad" / OF_OBJECT, "data" / DATA)
_SET_GET: Final = Record("oad" / OF_OBJECT, "data" / DATA, "get_oad" / OAD, "delay_s" / U8)
_ACT: Final = Record("omd" / OAD, "data" / DATA)
_ACT_GET: Final = Record("omd" / OAD, "data" / DATA, "get_oad" / OAD, "delay_s" / U8)
_SET_DONE: Final = Record("oad" / OAD, "dar" / DAR)
_SET_GOT: Final = Record("oad" / OAD, "dar" / DAR, "got" / NORMAL)
_ACTED: Final = Record("omd" / OAD, "dar" / DAR, "data" / Maybe(DATA))
_ACT_GOT: Final = Record("omd" / OAD, "dar" / DAR, "data" / Maybe(DATA), "got" / NORMAL)


def _piid(*parts: Any) -> Record:
    return Record("piid" / PIID, *parts)


def _items(item: Any) -> Record:
    return _piid("items" / Listed(item))


def _proxied(item: Any) -> Record:
    """Requests that a server passes on to meters, each with a time-out of its own."""
    meter = Record("meter" / TSA, "timeout_s" / U16, "items" / Listed(item))
    return _piid("timeout_s" / U16, "meters" / Listed(meter))


def _proxy_done(item: Any) -> Record:
    return _piid("meters" / Listed(Record("meter" / TSA, "items" / Listed(item))))


LINK_REQUEST: Final = _piid("type" / U8, "heartbeat_s" / U16, "time" / DATE_TIME)
LINK_RESPONSE: Final = _piid(
    "result" / U8, "requested" / DATE_TIME, "received" / DATE_TIME, "replied" / DATE_TIME
)
_LIMITS: Final = (
    "protocol" / Bits(64),
    "functions" / Bits(128),
    "most_sent_bytes" / U16,
    "most_received_bytes" / U16,
    "window" / U8,
    "most_apdu_bytes" / U16,
    "timeout_s" / U32,
)
_SIGNED: Final = Record("ciphertext" / OCTETS, "signature" / OCTETS)
_CONNECT: Final = _piid(
    "version" / U16,
    *_LIMITS,
    "mechanism"
    / Choice(
        {
            0: ("none", Nothing()),
            1: ("password", Text("ascii")),
            2: ("symmetric", _SIGNED),
            3: ("signature", _SIGNED),
        }
    ),
)
_FACTORY: Final = Record(
    "maker" / Hex(4),
    "software" / Hex(4),
    "software_date" / Hex(6),
    "hardware" / Hex(4),
    "hardware_date" / Hex(6),
    "extension" / Hex(8),
)
_CONNECTED: Final = _piid(
    "factory" / _FACTORY,
    "version" / U16,
    *_LIMITS,
    "result" / U8,
    "security" / Maybe(Record("random" / OCTETS, "signature" / OCTETS)),
)
_BLOCK: Final = _piid(
    "last" / Boolean(),
    "block" / U16,
    "result"
    / Choice({0: ("dar", DAR), 1: ("items", Listed(NORMAL)), 2: ("records", Listed(RECORD))}),
)
_RECORD_OF_METER: Final = _piid(
    "meter" / TSA,
    "oad" / OAD,
    "rcsd" / RCSD,
    "result" / Choice({0: ("dar", DAR), 1: ("rows", ROWS)}),
)
_COMMAND: Final = _piid(
    "oad" / OAD,
    "port" / COMDCB,
    "timeout_s" / U16,
    "byte_timeout_ms" / U16,
    "command" / OCTETS,
)
_COMMANDED: Final = _piid("oad" / OAD, "result" / Choice({0: ("dar", DAR), 1: ("reply", OCTETS)}))
_PROOF: Final = Choice(
    {
        0: ("sid_mac", SID_MAC),
        1: ("rn", OCTETS),
        2: ("rn_mac", Record("rn" / OCTETS, "mac" / MAC)),
        3: ("sid", SID),
    }
)
_SECURED: Final = Record(
    "application" / Choice({0: ("plain", OCTETS), 1: ("cipher", OCTETS)}), "proof" / _PROOF
)
_SECURED_BACK: Final = Record(
    "application" / Choice({0: ("plain", OCTETS), 1: ("cipher", OCTETS), 2: ("dar", DAR)}),
    "proof" / Maybe(Choice({0: ("mac", MAC)})),
)


class Service(NamedTuple):
    """What follows the tag and, where there is one, the byte of the variant."""

    kind: str
    fields: Record
    tail: Record | None


LINK_REQUEST_TAG: Final = 0x01
LINK_RESPONSE_TAG: Final = 0x81
SECURED_BACK_TAG: Final = 0x90
REPORT_TAG: Final = 0x88
REPORT_ANSWER_TAG: Final = 0x08
TRANSPARENT: Final = 3

Key = tuple[int, int | None]
"""Tag and variant; of services without variants None."""


def _client(kind: str, fields: Record) -> Service:
    return Service(kind, fields, CLIENT_TAIL)


def _server(kind: str, fields: Record) -> Service:
    return Service(kind, fields, SERVER_TAIL)


SERVICES: Final[dict[Key, Service]] = {
    (LINK_REQUEST_TAG, None): Service("link_request", LINK_REQUEST, None),
    (LINK_RESPONSE_TAG, None): Service("link_response", LINK_RESPONSE, None),
    (0x02, None): _client("connect_request", _CONNECT),
    (0x82, None): _server("connect_response", _CONNECTED),
    (0x03, None): _client("release_request", _piid()),
    (0x83, None): _server("release_response", _piid("result" / U8)),
    (0x84, None): _server(
        "release_notification", _piid("established" / DATE_TIME_S, "time" / DATE_TIME_S)
    ),
    (0x05, 1): _client("get_request", _piid("oad" / OAD)),
    (0x05, 2): _client("get_request_list", _items(OAD)),
    (0x05, 3): _client("get_request_record", _piid("oad" / OAD, "rsd" / RSD, "rcsd" / RCSD)),
    (0x05, 4): _client("get_request_record_list", _items(_ASKED)),
    (0x05, 5): _client("get_request_next", _piid("block" / U16)),
    (0x05, 6): _client("get_request_md5", _piid("oad" / OAD)),
    (0x85, 1): _server("get_response", _piid("oad" / OF_OBJECT, "result" / RESULT)),
    (0x85, 2): _server("get_response_list", _items(NORMAL)),
    (0x85, 3): _server("get_response_record", _piid(*RECORD.subcons)),
    (0x85, 4): _server("get_response_record_list", _items(RECORD)),
    (0x85, 5): _server("get_response_next", _BLOCK),
    (0x85, 6): _server(
        "get_response_md5",
        _piid("oad" / OAD, "result" / Choice({0: ("dar", DAR), 1: ("md5", OCTETS)})),
    ),
    (0x06, 1): _client("set_request", _piid("oad" / OF_OBJECT, "data" / DATA)),
    (0x06, 2): _client("set_request_list", _items(_SET)),
    (0x06, 3): _client("set_then_get_request", _items(_SET_GET)),
    (0x86, 1): _server("set_response", _piid("oad" / OAD, "dar" / DAR)),
    (0x86, 2): _server("set_response_list", _items(_SET_DONE)),
    (0x86, 3): _server("set_then_get_response", _items(_SET_GOT)),
    (0x07, 1): _client("action_request", _piid("omd" / OAD, "data" / DATA)),
    (0x07, 2): _client("action_request_list", _items(_ACT)),
    (0x07, 3): _client("action_then_get_request", _items(_ACT_GET)),
    (0x87, 1): _server("action_response", _piid(*_ACTED.subcons)),
    (0x87, 2): _server("action_response_list", _items(_ACTED)),
    (0x87, 3): _server("action_then_get_response", _items(_ACT_GOT)),
    (REPORT_TAG, 1): _server("report", _items(NORMAL)),
    (REPORT_TAG, 2): _server("report_records", _items(RECORD)),
    (REPORT_TAG, TRANSPARENT): _server("report_transparent", _piid("oad" / OAD, "data" / RECEIVED)),
    (REPORT_ANSWER_TAG, 1): _client("report_answer", _items(OAD)),
    (REPORT_ANSWER_TAG, 2): _client("report_records_answer", _items(OAD)),
    (REPORT_ANSWER_TAG, TRANSPARENT): _client("report_transparent_answer", _piid()),
    (0x09, 1): _client("proxy_get_request", _proxied(OAD)),
    (0x09, 2): _client(
        "proxy_record_request",
        _piid("timeout_s" / U16, "meter" / TSA, "oad" / OAD, "rsd" / RSD, "rcsd" / RCSD),
    ),
    (0x09, 3): _client("proxy_set_request", _proxied(_SET)),
    (0x09, 4): _client("proxy_set_then_get_request", _proxied(_SET_GET)),
    (0x09, 5): _client("proxy_action_request", _proxied(_ACT)),
    (0x09, 6): _client("proxy_action_then_get_request", _proxied(_ACT_GET)),
    (0x09, 7): _client("proxy_command_request", _COMMAND),
    (0x89, 1): _server("proxy_get_response", _proxy_done(NORMAL)),
    (0x89, 2): _server("proxy_record_response", _RECORD_OF_METER),
    (0x89, 3): _server("proxy_set_response", _proxy_done(_SET_DONE)),
    (0x89, 4): _server("proxy_set_then_get_response", _proxy_done(_SET_GOT)),
    (0x89, 5): _server("proxy_action_response", _proxy_done(_ACTED)),
    (0x89, 6): _server("proxy_action_then_get_response", _proxy_done(_ACT_GOT)),
    (0x89, 7): _server("proxy_command_response", _COMMANDED),
    (0x6E, None): _client("client_error", _piid("error" / U8)),
    (0xEE, None): _server("server_error", _piid("error" / U8)),
    (0x10, None): Service("security_request", _SECURED, None),
    (SECURED_BACK_TAG, None): Service("security_response", _SECURED_BACK, None),
}
WITHOUT_VARIANT: Final = frozenset(tag for tag, variant in SERVICES if variant is None)
KEY_OF_KIND: Final = {service.kind: key for key, service in SERVICES.items()}
