"""Meters that say nothing, or nothing that can be."""
