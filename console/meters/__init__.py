"""Meters: which report, which are silent, what they sent that nobody could read."""
