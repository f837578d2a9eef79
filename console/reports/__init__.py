"""Figures of a span, with a way down from the city to its districts, industries and firms."""
