"""Text of peers as a database column takes it."""

from typing import Final

# No number of ours has more digits; PostgreSQL's bigint has one more.
MAX_DIGITS: Final = 18


def storable(text: str, most: int) -> str:
    r"""Cut text to a length; what no column takes (NUL, lone surrogates) is written out.

    >>> storable("a\0b", 8)
    'a\\0b'
    """
    return text[:most].replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def like_of(text: str) -> str:
    r"""Return the pattern of LIKE for whatever holds a text; its signs mean themselves.

    >>> like_of("100%")
    '%100\\%%'
    """
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def is_number(text: str) -> bool:
    """Tell whether a text is a number as our tables have them."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
