"""What may be published as a manual: by its content, its size, without programs in it."""

import io
import zipfile

import pytest

from wattwarden.alarms.registry.problems import RefusedError
from wattwarden.storage.service.papers import (
    MAX_PAPER_BYTES,
    MAX_PARTS,
    Paper,
    Upload,
    paper_of,
    text_of,
)


def office(*parts: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            archive.writestr(part, "0" * 1000)
    return file.getvalue()


CONTENTS = "[Content_Types].xml"
KINDS = {
    "text": ("开机先开治污".encode(), Paper.TEXT),
    "text with a mark": ("\ufeff开机".encode(), Paper.TEXT),
    "pdf": (b"%PDF-1.7\n", Paper.PDF),
    "word": (office(CONTENTS, "word/document.xml"), Paper.WORD),
    "sheet": (office(CONTENTS, "xl/workbook.xml"), Paper.SHEET),
    "slides": (office(CONTENTS, "ppt/presentation.xml"), Paper.SLIDES),
}
REFUSED = {
    "nothing": (b"", "1 byte to 16 MiB"),
    "too large": (b"%PDF-" + bytes(MAX_PAPER_BYTES), "1 byte to 16 MiB"),
    "a picture": (b"\xff\xd8\xff\xe0", "must be a PDF"),
    "a program": (b"MZ\x90\x00\xff", "must be a PDF"),
    "letters that nobody prints": (b"abc\x00\x07", "must be a PDF"),
    "another charset": ("手册".encode("gb18030"), "must be a PDF"),
    "too long a text": (b"a" * 262_145, "more than 262144 letters"),
    "macros": (office(CONTENTS, "word/document.xml", "word/vbaProject.bin"), "programs"),
    "any archive": (office("readme.txt"), "must be a PDF"),
    "an archive of nothing known": (office(CONTENTS, "html/page.html"), "must be a PDF"),
    "a broken archive": (b"PK\x03\x04" + bytes(50), "must be a PDF"),
    "a swarm of parts": (
        office(CONTENTS, "word/document.xml", *(f"word/{n}" for n in range(MAX_PARTS))),
        "must be a PDF",
    ),
}


@pytest.mark.parametrize(("data", "kind"), KINDS.values(), ids=KINDS)
def test_a_file_is_what_its_content_says(data: bytes, kind: Paper) -> None:
    assert paper_of(Upload("手册.exe", data)) is kind


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_nothing_to_read_or_not_safe_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        paper_of(Upload("手册.pdf", data))


def test_a_texts_mark_is_no_part_of_it() -> None:
    assert text_of(Upload("手册.txt", "\ufeff开机".encode())) == "开机"
