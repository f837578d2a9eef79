"""Links: what was sealed here is read, everything else is not; keys come and go by themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.console.desk import Time

from wattwarden.console.keys import KEPT_FOR_S, SEALS_FOR_S, KeyRing
from wattwarden.console.links import (
    ANSWERED_FOR,
    Answer,
    Invitation,
    Rights,
    Trouble,
    answer_address,
    invitation_address,
    read_answer,
    read_invitation,
)
from wattwarden.console.seals import MAX_LETTERS, form_mark, is_form_mark, seal

AT = datetime(2026, 11, 22, 4, tzinfo=UTC)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing(tmp_path_factory.mktemp("keys"), Time(AT))


def token_of(keys: KeyRing, alarm: int = 7, person: str = "duty1", when: datetime = AT) -> str:
    return answer_address("", keys, Answer.of(alarm, person, when)).removeprefix("/a/")


@given(st.integers(0, 2**62), st.text(min_size=1, max_size=64))
def test_a_link_says_what_was_sealed(keys: KeyRing, alarm: int, person: str) -> None:
    token = token_of(keys, alarm, person)
    read = read_answer(keys, token)
    assert read == Answer.of(alarm, person, AT)
    assert isinstance(read, Answer)
    assert read.may(Rights.ACKNOWLEDGE)
    assert read.may(Rights.DECLARE)
    assert len(token) <= MAX_LETTERS
    assert set(token) <= set(LETTERS)


@given(place=st.integers(0, 10_000), letter=st.sampled_from(LETTERS))
def test_no_letter_of_a_link_can_be_another(keys: KeyRing, place: int, letter: str) -> None:
    token = token_of(keys)
    at = place % len(token)
    changed = token[:at] + letter + token[at + 1 :]
    if changed != token:
        assert read_answer(keys, changed) is Trouble.FORGED


@given(st.text(max_size=700) | st.text(LETTERS, max_size=120))
def test_no_text_is_a_link(keys: KeyRing, text: str) -> None:
    assert read_answer(keys, text) is Trouble.FORGED
    assert read_invitation(keys, text) is Trouble.FORGED
    assert not is_form_mark(keys, text, form_mark(keys, text)) or form_mark(keys, text)


@given(st.binary(max_size=64))
def test_whatever_is_sealed_for_a_link_is_read_or_refused(keys: KeyRing, body: bytes) -> None:
    read = read_answer(keys, seal(keys.sealing(), b"answer", body))
    assert isinstance(read, Answer) or read is Trouble.EXPIRED


def test_a_link_of_one_purpose_is_none_of_another(keys: KeyRing) -> None:
    invited = Invitation("duty1", "wecom", 0, keys.now_s() + 60)
    invitation = invitation_address("", keys, invited).removeprefix("/b/")
    assert read_answer(keys, invitation) is Trouble.FORGED
    assert read_invitation(keys, token_of(keys)) is Trouble.FORGED
    assert read_invitation(keys, invitation) == invited


def test_the_form_of_one_link_is_none_of_another(keys: KeyRing) -> None:
    mine, other = token_of(keys), token_of(keys, person="head2")
    assert is_form_mark(keys, mine, form_mark(keys, mine))
    assert not is_form_mark(keys, mine, form_mark(keys, other))
    assert not is_form_mark(keys, mine, "")
    assert not is_form_mark(keys, mine, "确认")
    assert not is_form_mark(keys, "AAAAAAAA", "")


def test_a_link_expires_to_the_second(tmp_path: Path) -> None:
    time = Time(AT)
    keys = KeyRing(tmp_path, time)
    token = token_of(keys)
    time.pass_s(ANSWERED_FOR.total_seconds() - 1)
    assert isinstance(read_answer(keys, token), Answer)
    time.pass_s(1)
    assert read_answer(keys, token) is Trouble.EXPIRED


def test_the_same_notice_has_the_same_link_at_every_attempt(tmp_path: Path) -> None:
    time = Time(AT)
    keys = KeyRing(tmp_path, time)
    before = token_of(keys)
    time.pass_s(3_600)
    assert token_of(keys) == before
    assert token_of(keys, when=AT + timedelta(seconds=1)) != before


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    keys = KeyRing(folder, Time(AT))
    token = token_of(keys)
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    again = KeyRing(folder, Time(AT))
    assert isinstance(read_answer(again, token), Answer)
    assert again.sealing() == keys.sealing()
    assert str(keys.sealing().secret) not in repr(keys.sealing())


def test_a_link_that_another_process_sealed_with_a_new_key_is_read(tmp_path: Path) -> None:
    time = Time(AT)
    console, courier = KeyRing(tmp_path, time), KeyRing(tmp_path, time)
    assert read_answer(console, "AAAA" * 12) is Trouble.FORGED
    token = token_of(courier)
    time.pass_s(5)
    assert isinstance(read_answer(console, token), Answer)


def test_keys_change_by_themselves_and_old_links_hold_until_they_expire(tmp_path: Path) -> None:
    time = Time(AT)
    keys = KeyRing(tmp_path, time)
    keys.sealing()
    time.pass_s(SEALS_FOR_S - 1)
    now = AT + timedelta(seconds=SEALS_FOR_S - 1)
    token = token_of(keys, when=now)
    time.pass_s(1)
    old, new = read_answer(keys, token), token_of(keys, when=now)
    assert isinstance(old, Answer)
    assert new != token
    assert len(list(tmp_path.iterdir())) == 2
    time.pass_s(KEPT_FOR_S - SEALS_FOR_S)
    assert read_answer(KeyRing(tmp_path, time), token) is Trouble.FORGED
    assert len(list(tmp_path.iterdir())) == 1


def test_removing_a_key_revokes_its_links(tmp_path: Path) -> None:
    token = token_of(KeyRing(tmp_path, Time(AT)))
    (file,) = tmp_path.iterdir()
    file.write_text("no key")
    assert read_answer(KeyRing(tmp_path, Time(AT)), token) is Trouble.FORGED
    file.unlink()
    assert read_answer(KeyRing(tmp_path, Time(AT)), token) is Trouble.FORGED
