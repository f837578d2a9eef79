"""The rules that were activated last."""

from wattwarden.alarms.decisions.bodies import RuleSet
from wattwarden.alarms.rulebook import Rules, default_rules, load_rules
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.decisions import told


async def rules_now(connection: Connection) -> Rules:
    """Return the rules in force, as shipped where nobody activated others.

    Raises:
        StorageError: The database is away.
    """
    texts = [
        one.body.text for one in await told(connection, ["rules"]) if isinstance(one.body, RuleSet)
    ]
    return load_rules(texts[-1]) if texts else default_rules()
