"""Data written as pairs of name and value: ``DataTime=…;a34004-Rtd=14,a34004-Flag=N;…``.

bytes → split → read_pairs → tree → write_tree → the same text

; and ``,`` separate fields.  A log, which may hold both, stands between =// and //.
"""

from collections.abc import Mapping
from typing import Any, Final

CHARSETS: Final = ("utf-8", "gbk", "latin-1")
"""What texts are tried as; the last one takes any bytes."""


def charset_of(raw: bytes) -> str:
    """Return the first charset in which the bytes are a text."""
    for charset in CHARSETS[:-1]:
        try:
            raw.decode(charset)
        except UnicodeDecodeError:
            continue
        return charset
    return CHARSETS[-1]


def is_text(raw: bytes) -> bool:
    """Whether bytes are UTF-8 or GBK without control characters."""
    charset = charset_of(raw)
    # The ideographic space counts as unprintable, yet stands in texts.
    return charset != CHARSETS[-1] and raw.decode(charset).replace("\u3000", "").isprintable()


def split(data: bytes) -> list[bytes]:
    """Cut data into fields; joined by one byte each they have the length of the data."""
    if b"=//" not in data:
        return data.replace(b",", b";").split(b";")
    masked = bytearray(data)
    at = data.find(b"=//")
    while at >= 0:
        begin, end = at + 3, data.find(b"//", at + 3)
        if end < 0:
            break
        masked[begin:end] = b"." * (end - begin)
        at = data.find(b"=//", end + 2)
    fields, at = [], 0
    for field in masked.replace(b",", b";").split(b";"):
        fields.append(data[at : at + len(field)])
        at += len(field) + 1
    return fields


def read_pairs(data: bytes) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Return the fields as names and values, and what is neither."""
    pairs, fragments = [], []
    for item in split(data):
        name, equals, value = item.partition(b"=")
        if name and equals:
            pairs.append((name, value))
        elif item:
            fragments.append(item)
    return pairs, fragments


def put(fields: dict[str, Any], name: str, value: str) -> None:
    """Set a field, making a list of what comes again."""
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def read_tree(data: bytes, charset: str) -> dict[str, Any]:
    """Return data as JSON can carry them, nothing lost but the order of what repeats.

    ``code-statistic=value`` stands under its code, then its statistic; a name without ``-`` under
    itself; what is no pair in a list under "".
    """
    tree: dict[str, Any] = {}
    pairs, fragments = read_pairs(data)
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode(charset), raw_value.decode(charset)
        code, dash, statistic = name.rpartition("-")
        if code and dash and isinstance(tree.setdefault(code, {}), dict):
            put(tree[code], statistic, value)
        elif isinstance(tree.get(name), dict):
            put(tree[name], "", value)
        else:
            put(tree, name, value)
    if fragments:
        tree[""] = [fragment.decode(charset) for fragment in fragments]
    return tree


def write_tree(tree: Mapping[str, Any]) -> str:
    """Write data in their usual form: ; between codes, ``,`` between the statistics of one."""
    items = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            stated = ((f"{name}-{key}" if key else name, entry) for key, entry in value.items())
            items.append(",".join(write_field(key, entry, ",") for key, entry in stated))
        else:
            items.append(write_field(name, value, ";"))
    return ";".join(items)


def write_field(name: str, value: Any, separator: str) -> str:
    """Write one field, as often as it has values."""
    values = value if isinstance(value, list) else [value]
    return separator.join(f"{name}={entry}" if name else str(entry) for entry in values)
