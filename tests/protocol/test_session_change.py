"""Another protocol on the same connection."""

from tests.protocol.fakes import braced
from tests.protocol.line import DATA, HASH_DATA, HASH_LOGIN, LOGIN, UNENDED, UNKNOWN, Line, skipped

from wattwarden.protocol.events import LoggedIn, Skipped


def test_a_peer_may_change_its_protocol() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(HASH_DATA, at_s=50) == [line.hash_received(HASH_DATA)]
    assert (line.session.codec, line.session.identity) == (line.codecs[1], None)
    assert line.deadline_s() == 80
    assert line.send(HASH_LOGIN, at_s=51) == [
        LoggedIn(line.codecs[1], "042"),
        line.hash_received(HASH_LOGIN),
    ]
    assert line.send(LOGIN, at_s=52) == [line.logged_in(), line.received(LOGIN)]
    assert (len(line.brace.dialogues), len(line.hash.dialogues)) == (2, 1)


def test_only_a_frame_of_another_protocol_changes_the_conversation() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(HASH_DATA[:-1] + b"!") == [Skipped(HASH_DATA[:-1] + b"!", UNKNOWN)]
    assert line.session.identity == "007"
    assert line.send(DATA) == [line.received(DATA)]
    assert line.send(HASH_DATA[:-1], at_s=1) == []
    assert line.session.identity == "007"
    assert line.tick(21) == [Skipped(HASH_DATA[:-1], UNENDED)]
    assert line.send(DATA, at_s=22) == [line.received(DATA)]
    assert (len(line.brace.dialogues), len(line.hash.dialogues)) == (1, 0)


def test_frames_behind_what_looked_like_another_protocols_are_found_at_its_deadline() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"##0050", at_s=1) == []
    assert line.send(DATA, at_s=2) == []
    assert line.tick(21) == [line.received(DATA), Skipped(b"##0050", UNENDED)]
    assert line.session.identity == "007"


def test_a_change_of_protocol_may_come_in_drips_and_behind_noise() -> None:
    line = Line()
    line.send(LOGIN)
    stream = b"noise" + HASH_LOGIN
    events = line.send(*(stream[at : at + 1] for at in range(len(stream))))
    assert skipped(events) == b"noise"
    assert events[-2:] == [LoggedIn(line.codecs[1], "042"), line.hash_received(HASH_LOGIN)]


def test_a_new_protocol_is_not_lost_when_its_frame_ends_like_the_head_of_the_old() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(HASH_DATA + b"{") == [line.hash_received(HASH_DATA), Skipped(b"{", UNKNOWN)]


def test_noise_that_another_protocol_might_claim_interrupts_no_conversation() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"#") == []
    assert line.send(DATA) == [Skipped(b"#", UNKNOWN), line.received(DATA)]
    assert line.send(b"#.") == [Skipped(b"#.", UNKNOWN)]
    assert line.send(DATA) == [line.received(DATA)]
    assert len(line.brace.dialogues) == 1
    assert line.session.identity == "007"


def test_noise_before_half_a_frame_leaves_the_half_where_it_is() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"ab" + DATA[:4]) == [Skipped(b"ab", UNKNOWN)]
    assert line.send(DATA[4:]) == [line.received(DATA)]


def test_half_a_frame_behind_noise_is_not_given_away_for_what_stands_inside_it() -> None:
    line = Line()
    line.send(LOGIN)
    frame = braced(b"D" + HASH_DATA)
    assert line.send(b"ab" + frame[:-1]) == [Skipped(b"ab", UNKNOWN)]
    assert line.send(frame[-1:]) == [line.received(frame)]


def test_half_a_head_of_another_protocol_is_given_up_in_time() -> None:
    line = Line()
    line.send(LOGIN)
    assert line.send(b"#", at_s=1) == []
    assert line.deadline_s() == 21
    assert line.send(b"", at_s=2) == []
    assert line.tick(21) == [Skipped(b"#", UNENDED)]
    assert line.deadline_s() == 60
    assert line.send(DATA, at_s=22) == [line.received(DATA)]
    assert len(line.brace.dialogues) == 1
