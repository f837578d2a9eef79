"""Numbers that single units and outlets have: shown, proposed, put in force by somebody else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import web

from wattwarden.alarms.acting.rights import RIGHTS
from wattwarden.alarms.decisions.body import NEW
from wattwarden.alarms.decisions.norms import Norm, NormDraft, ThresholdSet
from wattwarden.alarms.registry.nouns import Outlet, Unit
from wattwarden.alarms.registry.registry import Registry
from wattwarden.alarms.registry.thresholds import (
    FIELDS,
    Thresholds,
    load_thresholds,
    numbers_of,
    written,
)
from wattwarden.console.board.kept import KNOWN
from wattwarden.console.board.rows import person_of
from wattwarden.console.doors import told
from wattwarden.console.drawing.said import Said
from wattwarden.console.registry.pairs import MORE_ROWS, Pairs, numbers_in, pairs_in, pairs_of
from wattwarden.console.rules.drafts import Problems, decided, drafts_of, put_in_force, refuse
from wattwarden.console.visit import Visit
from wattwarden.console.written import place_in
from wattwarden.protocol.codec import DEFAULT_ZONE

# A page that one reads to its end.
PAGE_ROWS: Final = 100
KINDS: Final[Mapping[str, Said]] = {
    "unit": Said("设施", "Unit"),
    "outlet": Said("排放口", "Outlet"),
}
_LABEL: Final = Said(
    "数值（设施写阈值名，排放口写因子编码）", "Numbers (of a unit by name, else by code)"
)
_ROWS: Final = "own"


@dataclass(frozen=True, slots=True)
class Standing:
    """A unit or outlet with numbers of its own."""

    kind: str
    id: str
    firm: str
    what: Said
    numbers: str


async def show(visit: Visit) -> web.StreamResponse:
    """Show which numbers single units and outlets have, and all drafts of others."""
    return await _page(visit, {}, [])


async def propose(visit: Visit) -> web.StreamResponse:
    """Propose the numbers of one unit or outlet; somebody else puts them in force."""
    form = {name: value for name, value in visit.form.items() if isinstance(value, str)}
    kind, identity = visit.field("kind"), visit.field("id")
    version, reason = visit.field("version"), visit.field("reason")
    if kind not in FIELDS or not identity or not version or not reason:
        return await _page(
            visit, form, [("请填写对象、编号、名称和理由。", "Fill in all but numbers.")]
        )
    try:
        numbers = numbers_in(pairs_in(form, _ROWS))
    except ValueError as error:
        return await _page(visit, form, [(f"数值有误：{error}", f"no number: {error}")])
    text = written(Thresholds(version=version, **{kind: {identity: numbers}}))
    body = NormDraft(id=NEW, norm=Norm.THRESHOLDS, version=version, text=text, reason=reason)
    return await _answer(visit, form, await decided(visit, body))


async def activate(visit: Visit) -> web.StreamResponse:
    """Put in force what somebody else proposed."""

    def made(drafted: NormDraft) -> ThresholdSet:
        return ThresholdSet(version=drafted.version, text=drafted.text, draft=drafted.id)

    return await _answer(visit, {}, await put_in_force(visit, Norm.THRESHOLDS, made))


async def give_up(visit: Visit) -> web.StreamResponse:
    """Refuse what somebody else proposed, or withdraw one's own."""
    return await _answer(visit, {}, await refuse(visit, Norm.THRESHOLDS))


async def _answer(visit: Visit, form: Mapping[str, str], problems: Problems) -> web.StreamResponse:
    return await _page(visit, form, problems) if problems else visit.go(visit.url("thresholds"))


async def _page(visit: Visit, form: Mapping[str, str], refused: Problems) -> web.Response:
    async with visit.reading() as (connection, reader):
        registry = await visit.request.app[KNOWN].registry(connection)
        drafts = await drafts_of(connection, Norm.THRESHOLDS)
    rows = sorted(_standing(registry), key=lambda one: (one.firm, one.kind, one.id))
    first = place_in(visit, len(rows), PAGE_ROWS)
    today = reader.now.astimezone(DEFAULT_ZONE).date().isoformat()
    kind, identity = visit.asked("kind"), visit.asked("id")
    usual = {"kind": kind, "id": identity, "version": f"{today} {identity}".strip(), "reason": ""}
    shown = {
        "rows": rows[first : first + PAGE_ROWS],
        "next": first + PAGE_ROWS if first + PAGE_ROWS < len(rows) else None,
        "count": len(rows),
        "drafts": drafts,
        "changes": {one.draft.id: _changes(one.draft, registry) for one in drafts.waiting},
        "name_of": lambda person: person_of(person, registry) or person,
        "kinds": KINDS,
        "label": _LABEL,
        "form": {**usual, **form},
        "pairs_shown": _pairs(registry, kind, identity, form),
        "refused": told(refused),
        "proposes": visit.person.role in RIGHTS[NormDraft.kind_name],
        "decides": visit.person.role in RIGHTS[ThresholdSet.kind_name],
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return visit.page("rules/thresholds.html", shown, status)


def _standing(registry: Registry) -> Iterator[Standing]:
    for kind in FIELDS:
        for record in getattr(registry, kind).values():
            numbers = numbers_of(record)
            if numbers:
                firm = registry.enterprise.get(record.enterprise)
                yield Standing(
                    kind=kind,
                    id=record.id,
                    firm=record.enterprise if firm is None else firm.name,
                    what=_named(kind, record.id, record),
                    numbers=_text(numbers),
                )


def _changes(draft: NormDraft, registry: Registry) -> Said:
    """Say line by line what a draft would change."""
    zh, en = [], []
    for kind, name, numbers in load_thresholds(draft.text).named():
        record = getattr(registry, kind).get(name)
        what, then = _named(kind, name, record), f"{_text(numbers_of(record))} → {_text(numbers)}"
        zh.append(f"{what.zh}：{then}")
        en.append(f"{what.en}: {then}")
    return Said("\n".join(zh), "\n".join(en))


def _pairs(registry: Registry, kind: str, identity: str, form: Mapping[str, str]) -> Pairs:
    """Return the rows of the form: as they were sent, else as they stand; and blank ones."""
    record = getattr(registry, kind).get(identity) if kind in FIELDS else None
    known = pairs_in(form, _ROWS) if form else pairs_of(numbers_of(record))
    return (*known, *((("", ""),) * MORE_ROWS))


def _named(kind: str, identity: str, record: Unit | Outlet | None) -> Said:
    name = f" {identity}" if record is None else f" {identity} {record.name}"
    return Said(f"{KINDS[kind].zh}{name}", f"{KINDS[kind].en}{name}")


def _text(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {text}" for name, text in pairs_of(numbers)) or "—"
