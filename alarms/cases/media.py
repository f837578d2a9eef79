"""What a file is, by its first bytes: its name is somebody's word, and counts for nothing."""

from typing import Final

# Beginnings of files that show or tell something, and what they are.
_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    # Office documents are archives of this kind.
    (b"PK\x03\x04", "application/zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"ID3", "audio/mpeg"),
    (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
)
# Brands of ISO base media files (ISO/IEC 14496-12, "ftyp"), by their first letters.
_BRANDS: Final = (
    (b"hei", "image/heic"),
    (b"mif1", "image/heic"),
    (b"avif", "image/avif"),
    (b"qt", "video/quicktime"),
)
_RIFF_KINDS: Final = {
    b"WEBP": "image/webp",
    b"AVI ": "video/x-msvideo",
    b"WAVE": "audio/wav",
}


def media_of(data: bytes) -> str | None:
    """Return a file's media type; None for what is no picture, film, sound or document.

    >>> media_of(b"%PDF-1.7 ...")
    'application/pdf'
    """
    for beginning, media in _BEGINNINGS:
        if data.startswith(beginning):
            return media
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return next((media for start, media in _BRANDS if brand.startswith(start)), "video/mp4")
    if data[:4] == b"RIFF":
        return _RIFF_KINDS.get(data[8:12])
    return None
