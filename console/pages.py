"""Pages from templates: everything that is put in is escaped, nothing is fetched from elsewhere."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from wattwarden.console.words import Language, deed_name, lasting, level_name, local, state_name

_STYLE: Final = "console.css"


class Pages:
    """Makes pages.  ``root`` is the path before ours, as people outside see it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.style = files("wattwarden.console").joinpath("static", _STYLE).read_bytes()
        self._templates = Environment(
            loader=PackageLoader("wattwarden.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["local"] = local
        mark = hashlib.sha256(self.style).hexdigest()[:12]
        self._templates.globals["style"] = f"{root}/static/{_STYLE}?{mark}"

    def make(self, name: str, language: Language, parts: Mapping[str, Any]) -> str:
        """Return a page in a language; every text of ``parts`` is escaped."""
        chinese = language is Language.CHINESE

        def say(zh: str, en: str) -> str:
            return zh if chinese else en

        tools = {
            "say": say,
            "level_name": lambda level: level_name(level, language),
            "state_name": lambda state: state_name(state, language),
            "deed_name": lambda deed: deed_name(deed, language),
            "lasting": lambda span: lasting(span, language),
        }
        page = self._templates.get_template(name)
        return page.render(language=language.value, chinese=chinese, **tools, **parts)
