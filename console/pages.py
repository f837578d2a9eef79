"""Pages from templates: everything that is put in is escaped, nothing is fetched from elsewhere."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wattwarden.console.assets import Assets
from wattwarden.console.words import (
    Language,
    deed_name,
    lasting,
    level_name,
    local,
    role_name,
    state_name,
)


class Pages:
    """Makes pages.  ``root`` is the path before ours, as people outside see it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.assets = Assets(root)
        self._templates = Environment(
            loader=PackageLoader("wattwarden.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["local"] = local
        self._templates.globals["asset"] = self.assets.address
        self._templates.globals["root"] = root

    def make(self, name: str, language: Language, parts: Mapping[str, Any]) -> str:
        """Return a page in a language; every text of ``parts`` is escaped."""
        chinese = language is Language.CHINESE

        def say(zh: str, en: str) -> str:
            return zh if chinese else en

        def pick(thing: Any) -> str:
            """Return what a thing with both languages says in this one."""
            if isinstance(thing, Mapping):
                return str(thing["zh" if chinese else "en"])
            return str(thing.zh if chinese else thing.en)

        tools = {
            "say": say,
            "pick": pick,
            "level_name": lambda level: level_name(level, language),
            "state_name": lambda state: state_name(state, language),
            "deed_name": lambda deed: deed_name(deed, language),
            "role_name": lambda role: role_name(role, language),
            "lasting": lambda span: lasting(span, language),
        }
        page = self._templates.get_template(name)
        return page.render(language=language.value, chinese=chinese, **tools, **parts)
