"""Responses, presets and calendars in the database."""
