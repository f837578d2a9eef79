"""Text of peers as a database column takes it."""


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
