"""The forms and links of a page, as a browser finds them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

# What people write into; the rest is chosen or pressed.
_WRITTEN: Final = frozenset({"text", "search", "tel", "email", "url", "password", "textarea"})
_FILLED: Final = {
    "number": "1",
    "date": "2026-01-01",
    "time": "08:00",
    "datetime-local": "2026-01-01T08:00",
    "month": "2026-01",
    "color": "#000000",
}


@dataclass
class Field:
    """One field of a form: its kind, and what it holds."""

    name: str
    kind: str
    value: str


@dataclass
class Form:
    """One form."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)

    @property
    def is_written(self) -> bool:
        return any(one.kind in _WRITTEN for one in self.fields)

    def filled(self, text: str) -> dict[str, str]:
        """Return the form with a text in every field that people write into."""
        return {
            one.name: text if one.kind in _WRITTEN else one.value or _FILLED.get(one.kind, "")
            for one in self.fields
        }

    def abused(self, text: str) -> dict[str, str]:
        """Return the form with a text in every field, also where something is chosen or hidden."""
        return {one.name: text for one in self.fields}


class Found(HTMLParser):
    """What is found on one page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: Field | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        elif tag == "form":
            self._form = Form(said.get("action", ""), said.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None:
            self._in_form(tag, said)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None

    def _in_form(self, tag: str, said: dict[str, str]) -> None:
        assert self._form is not None
        if tag == "option" and self._select is not None:
            self._select.value = self._select.value or said.get("value", "")
        if tag not in {"input", "textarea", "select", "button"} or not said.get("name"):
            return
        kind = said.get("type", "text") if tag == "input" else tag
        one = Field(said["name"], kind, said.get("value", ""))
        self._form.fields.append(one)
        if tag == "select":
            self._select = one


def local(links: list[str]) -> Iterator[str]:
    """Yield the paths of ours among links, without what is behind the hash."""
    for link in links:
        path = link.partition("#")[0]
        if path.startswith("/") and not path.startswith(("//", "/static/")):
            yield path
