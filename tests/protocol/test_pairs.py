"""Data written as pairs of name and value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwarden.protocol.pairs import (
    charset_of,
    is_text,
    read_pairs,
    read_tree,
    split,
    write_tree,
)

NAMES = st.text("abz019", min_size=1, max_size=4)
TEXTS = st.text("xyz.019 ", max_size=4)
TREES = st.dictionaries(NAMES, TEXTS | st.dictionaries(NAMES, TEXTS, min_size=1), max_size=4)


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        (b"", [b""]),
        (b"a=1;b=2,c=3", [b"a=1", b"b=2", b"c=3"]),
        (b"a=1;", [b"a=1", b""]),
        (b"a=//x;y,z//;b=2", [b"a=//x;y,z//", b"b=2"]),
        (b"a=//x;b=2", [b"a=//x", b"b=2"]),
        (b"a=//1;//;b=//2,//,c=3", [b"a=//1;//", b"b=//2,//", b"c=3"]),
        (b"a=//1=//;b=2,c=//3//", [b"a=//1=//", b"b=2", b"c=//3//"]),
        (b"=//x;y//;b=2", [b"=//x;y//", b"b=2"]),
        (b"a=///x;y//;b=2", [b"a=///x;y//", b"b=2"]),
        (b"a=1//2;b=3//4", [b"a=1//2", b"b=3//4"]),
    ],
)
def test_data_are_cut_at_separators_but_not_inside_a_log(data: bytes, fields: list[bytes]) -> None:
    assert split(data) == fields


@given(st.binary(max_size=60) | st.text("a=/;,", max_size=20).map(str.encode))
def test_the_fields_with_one_byte_between_make_up_the_data(data: bytes) -> None:
    assert sum(len(field) + 1 for field in split(data)) == len(data) + 1


def test_what_is_no_pair_is_given_apart() -> None:
    pairs, fragments = read_pairs(b"a=1;;lost,=2;b=;c=d=e")
    assert pairs == [(b"a", b"1"), (b"b", b""), (b"c", b"d=e")]
    assert fragments == [b"lost", b"=2"]


def test_statistics_stand_under_their_code() -> None:
    tree = read_tree(b"T=1;a-Rtd=2,a-Flag=N;L5-DayData=3", "utf-8")
    assert tree == {"T": "1", "a": {"Rtd": "2", "Flag": "N"}, "L5": {"DayData": "3"}}


@pytest.mark.parametrize(
    ("data", "tree"),
    [
        ("a=1;a=2;a=3", {"a": ["1", "2", "3"]}),
        ("a-x=1,a-x=2", {"a": {"x": ["1", "2"]}}),
        ("a=1;a-x=2", {"a": "1", "a-x": "2"}),
        ("a-x=2,a=1", {"a": {"x": "2", "": "1"}}),
        ("a=1;lost", {"a": "1", "": ["lost"]}),
        ("-x=1;a-=2", {"-x": "1", "a": {"": "2"}}),
    ],
)
def test_nothing_is_lost_when_names_clash(data: str, tree: dict[str, object]) -> None:
    assert read_tree(data.encode(), "utf-8") == tree


@pytest.mark.parametrize("data", ["a=1;a-x=2", "a-x=2,a=1", "a=1;lost", "T=1;a-Rtd=2,a-Flag=N"])
def test_a_tree_is_written_as_it_was_read(data: str) -> None:
    assert write_tree(read_tree(data.encode(), "utf-8")) == data


@given(TREES)
def test_a_written_tree_is_read_as_it_was(tree: dict[str, object]) -> None:
    assert read_tree(write_tree(tree).encode(), "utf-8") == tree


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        (b"abc", "utf-8"), ("清洗".encode(), "utf-8"), ("清洗".encode("gbk"), "gbk"),
        (b"\xff\xff", "latin-1"), (b"", "utf-8"),
    ],
)  # fmt: skip
def test_the_charset_is_the_first_that_fits(raw: bytes, charset: str) -> None:
    assert charset_of(raw) == charset


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a34004-Rtd=1", True), ("全角　空格".encode(), True), ("清洗".encode("gbk"), True),
        (b"a\x00", False), (b"\x07", False), (b"\xff\xff", False), (b"\r\n", False),
    ],
)  # fmt: skip
def test_a_text_has_no_control_characters(raw: bytes, text: bool) -> None:  # noqa: FBT001  # data
    assert is_text(raw) is text
