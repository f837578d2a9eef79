"""The readings that the fields of an APDU hold.

fields ─ readings ─► Reading(meter, period, time, items)      one for each meter, time and period
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wattwarden.codecs.dlt698.services import columns_of

Item = tuple[str, Any]
"""An OAD and its data."""

INSTANT: Final = "instant"
# What is frozen by the minute, hour or day; of the others, whose span no reading has, the moment.
_PERIODS: Final = {"5002": "minute", "5003": "hour", "5004": "day", "5005": "day", "5006": "day"}
_ADDRESSES: Final = frozenset({"202A", "4001"})
# Where a time stands that all values of a row share, the most telling first: when they were frozen,
# when the collection began, was stored, succeeded; the clock itself.
_TIMES: Final = ("2021", "6040", "6042", "6041", "4000")


class Reading(NamedTuple):
    """Values that one meter had at one time.

    ``meter``, as a TSA's text, is None where only the frame says whose they are, ``time`` b"" where
    none is stated, otherwise wall time in 14 or 17 digits.
    """

    meter: str | None
    period: str
    time: bytes
    items: list[Item]


def readings(fields: Mapping[str, Any]) -> Iterator[Reading]:
    """Give every reading in the fields of an answer or a report."""
    yield from _of(None, fields)
    follow = fields.get("follow_report")
    if follow:
        yield from _of(None, follow)


def _of(meter: str | None, fields: Mapping[str, Any]) -> Iterator[Reading]:
    result = fields.get("result")
    own = fields.get("meter", meter)
    if "rcsd" in fields:
        yield from _of_record(own, fields)
    elif isinstance(result, dict) and "data" in result:
        yield from _of_items(own, [fields])
    elif isinstance(result, dict) and ("items" in result or "records" in result):
        yield from _of(own, result)
    for group in fields.get("meters", ()):
        yield from _of(own, group)
    items = fields.get("items", ())
    if items and isinstance(items[0], dict) and "rcsd" in items[0]:
        for record in items:
            yield from _of_record(own, record)
    else:
        yield from _of_items(own, items)
    for record in fields.get("records", ()):
        yield from _of_record(own, record)


def _of_items(meter: str | None, items: Any) -> Iterator[Reading]:
    found = []
    for item in items:
        result = item.get("result") if isinstance(item, dict) else None
        if isinstance(result, dict) and "data" in result:
            found.append((item["oad"], result["data"]))
    if found:
        time = _time({oad[:4]: data for oad, data in found})
        yield Reading(meter, INSTANT, time, found)


def _of_record(meter: str | None, record: Mapping[str, Any]) -> Iterator[Reading]:
    rows = record["result"].get("rows", ()) if isinstance(record.get("result"), dict) else ()
    for row in rows:
        cells = list(_cells(record, row))
        shared = {oad[:4]: data for _, oad, data in cells}
        whose = _meter([data for oi, data in shared.items() if oi in _ADDRESSES]) or meter
        groups: dict[str, list[Item]] = {}
        for parent, oad, data in cells:
            groups.setdefault(_PERIODS.get(parent[:4], INSTANT), []).append((oad, data))
        for period, items in groups.items():
            time = _time({oad[:4]: data for oad, data in items}) or _time(shared)
            yield Reading(whose, period, time, items)


def _cells(record: Mapping[str, Any], row: list[Any]) -> Iterator[tuple[str, str, Any]]:
    """Give the object that groups a value, the value's own OAD and data, cell by cell."""
    rcsd = record["rcsd"]
    columns = columns_of(rcsd)
    if len(row) != len(columns):
        row = list(_spread(rcsd, row))
    parents = [
        parent
        for csd in rcsd
        for parent in (
            [record["oad"]] if "oad" in csd else [csd["road"]["oad"]] * len(csd["road"]["columns"])
        )
    ]
    yield from zip(parents, columns, row, strict=False)


def _spread(rcsd: list[dict[str, Any]], row: list[Any]) -> Iterator[Any]:
    """Give each attribute of an object its element of the one value that stands for all."""
    for csd, data in zip(rcsd, row, strict=True):
        if "oad" in csd:
            yield data
            continue
        count = len(csd["road"]["columns"])
        elements = next(iter(data.values())) if data else None
        if count > 1 and isinstance(elements, list) and len(elements) == count:
            yield from elements
        else:
            yield from [data] + [None] * (count - 1) if count else ()


def _meter(found: list[Any]) -> str | None:
    for data in found:
        # An empty TSA is said of a meter, too: of none.
        address = (data or {}).get("TSA") or (data or {}).get("octet-string")
        if isinstance(address, str) and address:
            return address.upper()
    return None


def _time(found: Mapping[str, Any]) -> bytes:
    """Return the time that stands among values by object, in digits, b"" for none."""
    for oi in _TIMES:
        data = found.get(oi) or {}
        text = data.get("date_time_s") or data.get("date_time")
        if text and ":" in text:
            digits = "".join(filter(str.isdigit, text.partition(" dow=")[0]))
            return digits.encode()
    return b""
