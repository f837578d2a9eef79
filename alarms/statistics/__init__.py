"""Figures over a span of time, from episodes, states and decisions."""
