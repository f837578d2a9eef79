"""What may go wrong with one measurement while others are still worth making."""


class BenchError(Exception):
    """A measurement could not be made."""
