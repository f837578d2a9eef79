"""What the settings say of a provider of identities."""

from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import ValidationError

from wattwarden.console.oidc.registration import Algorithm, Claim
from wattwarden.server.identities import registration_of
from wattwarden.server.settings import ConsoleSettings, OidcSettings, Settings

FILE: Final = "oidc"
USUAL: Final = {"issuer": "https://sso.example/realm", "client_id": "ww"}


def settings(data: Path, **more: Any) -> Settings:
    oidc = OidcSettings.model_validate({**USUAL, **more})
    return Settings(data=data, console=ConsoleSettings(public_url="https://h/x", oidc=oidc))


def test_without_a_provider_there_is_none(tmp_path: Path) -> None:
    assert registration_of(Settings(data=tmp_path), "https://h") is None


def test_secrets_are_read_of_their_file_each_time(tmp_path: Path) -> None:
    known = registration_of(settings(tmp_path, client_secret_file=FILE), "https://h/x")
    assert known is not None
    assert known.back == "https://h/x/sign-in/provider/back"
    assert (known.claim, known.algorithms) == (Claim.SUBJECT, (Algorithm.RS256,))
    assert known.secret is not None
    with pytest.raises(ValueError, match="oidc cannot be read"):
        known.secret()
    (tmp_path / "secrets").mkdir()
    for text in ("first", "second"):
        (tmp_path / "secrets" / "oidc").write_text(f"{text}\n")
        assert known.secret().reveal() == text


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": "http://sso.example"},
        {"issuer": "https://u:p@sso.example"},
        {"issuer": "https://sso.example?x"},
        {"client_id": ""},
        {"client_secret_file": "../elsewhere"},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"algorithms": []},
        {"claim": "name"},
        {"leeway_s": 3600},
        {"scopes": ["two words"]},
    ],
    ids=str,
)
def test_what_would_let_others_in_is_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(tmp_path, **more)


def test_a_provider_needs_an_address_to_lead_back_to() -> None:
    with pytest.raises(ValidationError, match="oidc needs public_url"):
        ConsoleSettings(oidc=OidcSettings.model_validate(USUAL))
