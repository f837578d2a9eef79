"""The composition root: settings, roles, supervision, shutdown."""
