"""The type Data of DL/T 698.45: a tag, then a value of that type.

JSON: ``{type: value}`` with the standard's name of the type, None for null.
"""

from typing import Any, Final

from wattwarden.codecs.dlt698.values import (
    DATE,
    DATE_TIME,
    DATE_TIME_S,
    MAC,
    OAD,
    OI,
    TIME,
    TSA,
)
from wattwarden.protocol.axdr import Choice, Listed, Nothing, Record, Tagged
from wattwarden.protocol.axdr_values import OCTETS, U8, U16, U32, Bits, Boolean, Float, Number, Text

DATA: Final = Tagged(lambda: TYPES)
MANY: Final = Listed(DATA)

ROAD: Final = Record("oad" / OAD, "columns" / Listed(OAD))
CSD: Final = Choice({0: ("oad", OAD), 1: ("road", ROAD)})
RCSD: Final = Listed(CSD)
TI: Final = Record("unit" / U8, "interval" / U16)
REGION: Final = Record("bounds" / U8, "begin" / DATA, "end" / DATA)
MS: Final = Choice(
    {
        0: ("none", Nothing()),
        1: ("all", Nothing()),
        2: ("user_types", Listed(U8)),
        3: ("addresses", Listed(TSA)),
        4: ("numbers", Listed(U16)),
        5: ("user_type_regions", Listed(REGION)),
        6: ("address_regions", Listed(REGION)),
        7: ("number_regions", Listed(REGION)),
    }
)
SELECTOR2: Final = Record("oad" / OAD, "begin" / DATA, "end" / DATA, "interval" / DATA)
_SPAN: Final = Record("begin" / DATE_TIME_S, "end" / DATE_TIME_S, "interval" / TI, "meters" / MS)
RSD: Final = Choice(
    {
        0: ("all", Nothing()),
        1: ("equal", Record("oad" / OAD, "value" / DATA)),
        2: ("between", SELECTOR2),
        3: ("all_between", Listed(SELECTOR2)),
        4: ("started_at", Record("at" / DATE_TIME_S, "meters" / MS)),
        5: ("stored_at", Record("at" / DATE_TIME_S, "meters" / MS)),
        6: ("started_between", _SPAN),
        7: ("stored_between", _SPAN),
        8: ("succeeded_between", _SPAN),
        9: ("last", Record("count" / U8)),
        10: ("last_of", Record("count" / U8, "meters" / MS)),
    }
)
SID: Final = Record("number" / U32, "additional" / OCTETS)
SID_MAC: Final = Record("sid" / SID, "mac" / MAC)
COMDCB: Final = Record(
    "baud" / U8, "parity" / U8, "data_bits" / U8, "stop_bits" / U8, "flow_control" / U8
)

TYPES: Final[dict[int, tuple[str, Any]]] = {
    tag: (name, piece)
    for tag, name, piece in (
        (0, "null", Nothing()),
        (1, "array", MANY),
        (2, "structure", MANY),
        (3, "bool", Boolean()),
        (4, "bit-string", Bits()),
        (5, "double-long", Number("i")),
        (6, "double-long-unsigned", U32),
        (9, "octet-string", OCTETS),
        (10, "visible-string", Text("ascii")),
        (12, "UTF8-string", Text("utf-8")),
        (15, "integer", Number("b")),
        (16, "long", Number("h")),
        (17, "unsigned", U8),
        (18, "long-unsigned", U16),
        (20, "long64", Number("q")),
        (21, "long64-unsigned", Number("Q")),
        (22, "enum", U8),
        (23, "float32", Float("f")),
        (24, "float64", Float("d")),
        (25, "date_time", DATE_TIME),
        (26, "date", DATE),
        (27, "time", TIME),
        (28, "date_time_s", DATE_TIME_S),
        (80, "OI", OI),
        (81, "OAD", OAD),
        (82, "ROAD", ROAD),
        (83, "OMD", OAD),
        (84, "TI", TI),
        (85, "TSA", TSA),
        (86, "MAC", MAC),
        (87, "RN", OCTETS),
        (88, "Region", REGION),
        (89, "Scaler_Unit", Record("scaler" / Number("b"), "unit" / U8)),
        (90, "RSD", RSD),
        (91, "CSD", CSD),
        (92, "MS", MS),
        (93, "SID", SID),
        (94, "SID_MAC", SID_MAC),
        (95, "COMDCB", COMDCB),
        (96, "RCSD", RCSD),
    )
}
