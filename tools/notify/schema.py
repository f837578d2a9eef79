"""``wattwarden notify schema``: what webhooks hold, as a JSON Schema."""

from orjson import OPT_INDENT_2, dumps

from wattwarden.alarms.channels.facts import json_schema


def schema() -> None:
    """Print the JSON Schema (2020-12) of the document that webhooks post."""
    print(dumps(json_schema(), option=OPT_INDENT_2).decode())
