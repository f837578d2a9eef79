"""From records and decisions' bodies to tables, and what a template says."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wattwarden.alarms.registry.nouns import KINDS
from wattwarden.alarms.registry.registry import Registry
from wattwarden.storage.books.book import Table
from wattwarden.storage.books.cells import to_cell
from wattwarden.storage.books.parse import Known
from wattwarden.storage.books.sheets import NOTES, SHEETS, Column, Form

_FORMS: Final = {
    Form.TEXT: "文本",
    Form.NUMBER: "数字",
    Form.INTEGER: "整数",
    Form.TRUTH: "是 或 否",
    Form.MOMENT: "时间,如 2026-11-22 08:00(北京时间)",
    Form.AMOUNTS: "名称=数值; 名称=数值",
    Form.TEXTS: "文字; 文字",
}


def known_of(registry: Registry, bodies: Mapping[str, Mapping[str, msgspec.Struct]]) -> Known:
    """Return records and bodies in force as one mapping by kind and id."""
    return {kind: getattr(registry, kind) for kind in KINDS} | dict(bodies)


def tables_of(known: Known) -> list[Table]:
    """Return a table a kind, in the order of ids; kinds without records have their heads."""
    tables = []
    for kind, sheet in SHEETS.items():
        records = known.get(kind, {})
        rows = tuple(
            (number, tuple(_cell(column, records[identity]) for column in sheet.columns))
            for number, identity in enumerate(sorted(records), 2)
        )
        tables.append(Table(sheet.zh, tuple(column.zh for column in sheet.columns), rows))
    return tables


def notes() -> Table:
    """Return the table that explains every column of the others, in both languages."""
    heads = ("工作表", "sheet", "列", "column", "必填", "填写")
    rows = [
        (sheet.zh, sheet.kind, column.zh, column.en, "是" if column.required else "", _how(column))
        for sheet in SHEETS.values()
        for column in sheet.columns
    ]
    return Table(NOTES, heads, tuple(enumerate(rows, 2)))


def _cell(column: Column, record: msgspec.Struct) -> Any:
    return to_cell(column, getattr(record, column.field))


def _how(column: Column) -> str:
    if column.labels:
        return " / ".join(f"{label} ({value})" for value, label in column.labels)
    return _FORMS[column.form]
