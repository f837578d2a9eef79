"""Engines of our own: PostgreSQL and nats-server, as children that end with us."""
