"""What the pages are to a provider of identities, as the settings say."""

from functools import partial

from wattwarden.console.oidc.registration import BACK_PATH, Registration
from wattwarden.server.places import Places
from wattwarden.server.secret_files import read_secret
from wattwarden.server.settings import Settings


def registration_of(settings: Settings, address: str) -> Registration | None:
    """Return what we are to the provider; None where there is none.

    ``address`` is with what addresses of pages begin.
    """
    said = settings.console.oidc
    if said is None:
        return None
    file = said.client_secret_file
    return Registration(
        issuer=said.issuer,
        client_id=said.client_id,
        back=f"{address}{BACK_PATH}",
        secret=None if file is None else partial(read_secret, Places(settings.data).secrets, file),
        scopes=said.scopes,
        claim=said.claim,
        algorithms=said.algorithms,
        ca_file=None if said.ca_file is None else str(said.ca_file),
        leeway_s=said.leeway_s,
        zh=said.label_zh,
        en=said.label_en,
    )
