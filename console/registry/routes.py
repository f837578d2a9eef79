"""What is served of the registry."""

from typing import Final

from wattwarden.alarms.acting.roles import CITY_OFFICERS, CITY_WIDE
from wattwarden.console.registry import books, records
from wattwarden.console.routes import Only, Right, Route

# Telephones of everybody stand in it.
_READERS: Final = Only(CITY_WIDE | CITY_OFFICERS)
_WRITERS: Final = Right("registry")

ROUTES: Final = (
    Route("GET", "/registry", records.show, _READERS, "registry"),
    Route("GET", "/registry/book", books.show, _WRITERS, "book"),
    Route("POST", "/registry/book", books.take, _WRITERS, "take_book", books.BOOK_BYTES),
    Route("GET", "/registry/book/export", books.give, _READERS, "give_book"),
    Route("GET", "/registry/{kind}/new", records.ask_new, _WRITERS, "new_record"),
    Route("POST", "/registry/{kind}/new", records.enter, _WRITERS, "enter_record"),
    Route("GET", "/registry/{kind}/of/{record}", records.show_one, _READERS, "record"),
    Route("POST", "/registry/{kind}/of/{record}", records.change, _WRITERS, "change_record"),
    Route("POST", "/registry/{kind}/of/{record}/remove", records.remove, _WRITERS, "remove_record"),
)
