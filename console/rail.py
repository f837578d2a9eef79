"""The rail: where everything is found, in one order; each sees what is for their role."""

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from wattwarden.console.routes import Route, roles_of
from wattwarden.console.visit import Visit


@dataclass(frozen=True, slots=True)
class Item:
    """A place: the route it leads to, its icon in the sprite, its name.

    ``is_first`` stands on the rail itself, and of these the first four on a phone's bar; the rest
    is behind "more".
    """

    route: str
    icon: str
    zh: str
    en: str
    is_first: bool = False


# A route that is not there yet, or not for the visitor, is left out.
ITEMS: Final = (
    Item("board", "i-board", "总览", "Board", is_first=True),
    Item("day", "i-board", "今日", "Today", is_first=True),
    Item("alarms", "i-bell", "报警", "Alarms", is_first=True),
    Item("enterprises", "i-factory", "企业", "Firms", is_first=True),
    Item("tasks", "i-task", "任务", "Tasks", is_first=True),
    Item("plans", "i-plan", "预案", "Plans", is_first=True),
    Item("ledgers", "i-book", "台账", "Ledgers", is_first=True),
    Item("statistics", "i-chart", "统计", "Statistics", is_first=True),
    Item("meters", "i-meter", "表计", "Meters", is_first=True),
    Item("declarations", "i-doc", "申报", "Declarations"),
    Item("requests", "i-help", "帮扶与预约", "Assistance"),
    Item("documents", "i-doc", "行业资料", "Documents"),
    Item("quarantine", "i-meter", "隔离帧", "Quarantine"),
    Item("registry", "i-factory", "档案", "Registry"),
    Item("rules", "i-filter", "规则", "Rules"),
    Item("thresholds", "i-filter", "单独阈值", "Thresholds"),
    Item("channels", "i-bell", "通知渠道", "Channels"),
    Item("people", "i-people", "用户与权限", "Users"),
    Item("audit", "i-lock", "审计日志", "Audit log"),
    Item("api_docs", "i-doc", "接口文档", "API"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """An item as a page shows it."""

    item: Item
    path: str
    is_here: bool


def places(visit: Visit) -> list[Place]:
    """Return what a visitor finds on the rail and behind it."""
    found = []
    for item in ITEMS:
        route = route_of(visit.request.app, item.route)
        if route is None or visit.visitor is None:
            continue
        able = roles_of(route.needs)
        if able is None or visit.person.role in able:
            path = visit.url(item.route)
            here = visit.request.path
            own = route.path.rstrip("/")
            is_here = here == route.path or (bool(own) and here.startswith(f"{own}/"))
            found.append(Place(item, path, is_here))
    return found


def route_of(app: web.Application, name: str) -> Route | None:
    """Return the route of a name; None where there is none."""
    return app[ROUTES_BY_NAME].get(name)


ROUTES_BY_NAME: Final = web.AppKey("routes", dict[str, Route])
