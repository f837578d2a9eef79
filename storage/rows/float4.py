"""Numbers as a float4 column keeps them."""

import numpy as np


def shortest(value: float) -> float:
    """Return the shortest decimal that a float4 column keeps as this value.

    The driver widens float4 to a double; the digits that appear were never measured.

    >>> shortest(230.10000610351562)
    230.1
    """
    return float(str(np.float32(value)))
