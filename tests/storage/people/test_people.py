"""What the store keeps of sessions, attempts and invitations, and for how long."""

from datetime import timedelta

import pytest
import pytest_asyncio

from wattwarden.storage.database import Connection
from wattwarden.storage.people.accounts import set_password, use_step
from wattwarden.storage.people.attempts import (
    HALF,
    KEPT,
    MOST_AT_ONE_PLACE,
    MOST_OF_ACCOUNT,
    MOST_OF_PLACE,
    PASSED,
    Begun,
    Hold,
    begin_attempt,
    end_attempt,
)
from wattwarden.storage.people.invitations import find_invitation, invite, use_invitation
from wattwarden.storage.people.sessions import (
    MOST_IDLE,
    MOST_SESSIONS,
    begin_session,
    find_session,
    open_sessions,
)
from wattwarden.storage.people.tokens import MOST_TOKENS, Scope, find_token, make_token
from wattwarden.storage.text import like_of


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def _account(store: Connection) -> None:
    await set_password(store, "p", "hash")


async def test_the_oldest_session_ends_for_the_newest(store: Connection) -> None:
    first = await begin_session(store, "p", "a", "b", MOST_IDLE)
    for _ in range(MOST_SESSIONS):
        await begin_session(store, "p", "a", "b" * 1000, MOST_IDLE)
    assert await find_session(store, first) is None
    assert len(await open_sessions(store, "p")) == MOST_SESSIONS


async def test_using_a_session_keeps_it_alive(store: Connection) -> None:
    secret = await begin_session(store, "p", "a", "b", MOST_IDLE)
    await store.execute("UPDATE console_session SET seen = now() - interval '50 minutes'")
    assert await find_session(store, secret) is not None
    age = await store.fetchval("SELECT now() - seen FROM console_session")
    assert age < timedelta(minutes=1)


async def test_old_sessions_and_attempts_are_forgotten(store: Connection) -> None:
    await begin_session(store, "p", "a", "b", MOST_IDLE)
    await store.execute("UPDATE console_session SET expires = now() - interval '31 days'")
    await begin_session(store, "p", "a", "b", MOST_IDLE)
    assert await store.fetchval("SELECT count(*) FROM console_session") == 1
    await begin_attempt(store, "p", "a")
    await store.execute("UPDATE sign_in_attempt SET at = now() - $1::interval", KEPT)
    await begin_attempt(store, "p", "a")
    assert await store.fetchval("SELECT count(*) FROM sign_in_attempt") == 1


@pytest.mark.parametrize(
    ("most", "account", "address"),
    [(MOST_OF_ACCOUNT, "p", "10.0.0.{}"), (MOST_OF_PLACE, "p{}", "10.0.0.1")],
    ids=["an account from everywhere", "everybody from one address"],
)
async def test_guesses_from_everywhere_are_held_up_as_well(
    store: Connection, most: int, account: str, address: str
) -> None:
    for number in range(most):
        begun = await begin_attempt(store, account.format(number), address.format(number))
        assert isinstance(begun, Begun)
    assert isinstance(await begin_attempt(store, "p", "10.0.0.1"), Hold)
    await store.execute("UPDATE sign_in_attempt SET at = now() - interval '16 minutes'")
    assert isinstance(await begin_attempt(store, "p", "10.0.0.1"), Begun)


async def test_nobody_locks_others_out_of_where_they_are_known(store: Connection) -> None:
    begun = await begin_attempt(store, "p", "192.0.2.1")
    assert isinstance(begun, Begun)
    await end_attempt(store, begun.id, PASSED)
    for number in range(MOST_OF_ACCOUNT):
        await begin_attempt(store, "p", f"10.0.0.{number}")
    assert isinstance(await begin_attempt(store, "p", "192.0.2.2"), Hold)
    assert isinstance(await begin_attempt(store, "p", "192.0.2.1"), Begun)
    await store.execute(
        "UPDATE sign_in_attempt SET at = at - interval '31 days' WHERE id = $1", begun.id
    )
    assert isinstance(await begin_attempt(store, "p", "192.0.2.1"), Hold)


async def test_all_addresses_of_a_line_are_one_place(store: Connection) -> None:
    for number in range(MOST_AT_ONE_PLACE):
        begun = await begin_attempt(store, "p", f"2001:db8:0:1::{number:x}")
        assert isinstance(begun, Begun)
    assert isinstance(await begin_attempt(store, "p", "2001:db8:0:1:ffff::1"), Hold)
    assert isinstance(await begin_attempt(store, "p", "2001:db8:0:2::1"), Begun)


async def test_a_password_that_waits_for_its_code_forgives_nothing(store: Connection) -> None:
    for _ in range(MOST_AT_ONE_PLACE - 1):
        assert isinstance(await begin_attempt(store, "p", "a"), Begun)
        right = await begin_attempt(store, "p", "a")
        assert isinstance(right, Begun)
        await end_attempt(store, right.id, HALF)
    last = await begin_attempt(store, "p", "a")
    assert isinstance(last, Begun)
    assert last.left == 0
    assert isinstance(await begin_attempt(store, "p", "a"), Hold)


async def test_what_passed_counts_against_nobody(store: Connection) -> None:
    for _ in range(MOST_OF_ACCOUNT + 5):
        begun = await begin_attempt(store, "p", "a")
        assert isinstance(begun, Begun)
        await end_attempt(store, begun.id, PASSED)


async def test_an_invitation_holds_once_and_until_it_expires(store: Connection) -> None:
    secret = await invite(store, "p")
    assert await use_invitation(store, secret)
    assert not await use_invitation(store, secret)
    secret = await invite(store, "p")
    await store.execute("UPDATE invitation SET expires = now()")
    assert await find_invitation(store, secret) is None
    assert not await use_invitation(store, secret)


async def test_a_token_is_one_of_some_and_ends(store: Connection) -> None:
    reads = frozenset({Scope.READ})
    secrets = [
        await make_token(store, "p", "x", reads, timedelta(days=1)) for _ in range(MOST_TOKENS)
    ]
    assert await make_token(store, "p", "x", reads, timedelta(days=1)) is None
    assert secrets[0] is not None
    found = await find_token(store, secrets[0])
    assert found is not None
    assert found[1:] == ("p", reads)
    await store.execute("UPDATE api_token SET expires = now()")
    assert await find_token(store, secrets[0]) is None


async def test_a_step_of_the_clock_is_used_once_and_never_backwards(store: Connection) -> None:
    assert await use_step(store, "p", 100)
    assert not await use_step(store, "p", 100)
    assert not await use_step(store, "p", 99)
    assert await use_step(store, "p", 101)


@pytest.mark.parametrize("said", ["%", "_", "\\", "a%b_c\\"])
async def test_signs_of_like_mean_themselves(store: Connection, said: str) -> None:
    query = "SELECT $1::text ILIKE $2"
    assert await store.fetchval(query, f"x{said}y", like_of(said))
    assert not await store.fetchval(query, "xzy", like_of(said))
