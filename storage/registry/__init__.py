"""The registry and people's decisions, as the database keeps them: only ever added to."""
