"""Wattwarden: head-end and watchman of a city's electricity-use supervision platform."""

__version__ = "0.1.0"
