"""Addresses that are none are refused at once, with the way to write them and without a secret."""

import pytest
from pydantic import ValidationError

from wattwarden.server.settings import Settings


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://h/d",
        "postgres://u:p%40@h:5432/d?sslmode=require",
        "postgresql://[::1]:5432,h2:5433/d",
        "postgresql:///none?host=/run/x",
        "postgresql://wattwarden@/wattwarden?host=/tmp/x&port=5432",
    ],
)
def test_an_address_of_a_database_is_taken_as_it_is(dsn: str) -> None:
    assert Settings(dsn=dsn).dsn == dsn


@pytest.mark.parametrize(
    "nats",
    ["nats://h", "nats://token@h:4222", "tls://h:1,nats://[::1]:4222", "nats://a:1, nats://b:2/"],
)
def test_an_address_of_a_journal_is_taken_as_it_is(nats: str) -> None:
    assert Settings(nats=nats).nats == nats


@pytest.mark.parametrize(
    "dsn",
    [
        "garbage",
        "",
        "host=h dbname=secret",
        "postgresql:secret",
        "http://secret@h/d",
        "postgresql://u:secret@h:port/d",
        "postgresql://secret@h:0/d",
        "postgresql://secret@h:65536/d",
        "postgresql://secret@[h/d",
    ],
)
def test_what_is_no_address_of_a_database_is_refused(dsn: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(dsn=dsn)
    (error,) = refused.value.errors()
    assert error["loc"] == ("dsn",)
    assert "write it as postgresql://USER@HOST:5432/DATABASE" in error["msg"]
    assert "secret" not in error["msg"]


@pytest.mark.parametrize(
    "nats",
    [
        "foo",
        "foo:4222",
        "nats://",
        "nats://secret@",
        "nats://h:4222,secret",
        "nats://secret@h:x",
        "nats://h/secret",
        "http://h:4222",
    ],
)
def test_what_is_no_address_of_a_journal_is_refused(nats: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(nats=nats)
    (error,) = refused.value.errors()
    assert error["loc"] == ("nats",)
    assert "nats://HOST:4222" in error["msg"]
    assert "secret" not in error["msg"]
