"""The files of numbers and tables that come with the program, each beside the room it is for."""

from importlib.resources import files


def shipped_text(room: str) -> str:
    """Return a room's own file: of ``ledgers`` that is ``alarms/ledgers/ledgers.toml``."""
    return files(f"wattwarden.alarms.{room}").joinpath(f"{room}.toml").read_text("utf-8")
