"""The one way to act: checked against role, scope and what stands, then kept as a decision."""
