"""Photos as cameras write them: a JPEG of nothing but its Exif."""

import struct


def photo(taken: str, offset: str = "", order: str = "<", padding: bytes = b"") -> bytes:
    """A JPEG that says when it was taken; ``padding`` makes another file of it."""
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    first = struct.pack(f"{order}I", 8)
    # IFD0 with one entry, the offset of the Exif IFD, which follows it.
    outer = struct.pack(f"{order}HHHIII", 1, 0x8769, 4, 1, 26, 0)
    texts = [(0x9003, taken.encode() + b"\x00")]
    if offset:
        texts.append((0x9011, offset.encode() + b"\x00"))
    start = 26 + 2 + 12 * len(texts) + 4
    inner, body = struct.pack(f"{order}H", len(texts)), b""
    for tag, text in texts:
        inner += struct.pack(f"{order}HHII", tag, 2, len(text), start + len(body))
        body += text
    exif = b"Exif\x00\x00" + mark + first + outer + inner + bytes(4) + body
    jfif = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\x00" + bytes(9)
    segment = b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif
    return b"\xff\xd8" + jfif + segment + b"\xff\xda" + padding + b"\xff\xd9"
