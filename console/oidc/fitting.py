"""Whether a provider fits: it can be asked, and takes and signs what the settings say.

description ─► code, S256, algorithms, the claim          jwks_uri ─► a key that signs as we take it
"""

from collections.abc import Collection, Iterator
from typing import Any

from wattwarden.console.oidc.discovery import Key
from wattwarden.console.oidc.registration import Registration


def misfits(
    document: dict[str, Any], keys: Collection[Key], registration: Registration
) -> Iterator[str]:
    """Yield in what a provider's description and keys are not what we ask of it.

    What it does not tell counts as fitting: most of the description is optional (OpenID Connect
    Discovery 1.0, section 3; RFC 8414, section 2).
    """
    told = {
        "response_types_supported": {"code"},
        "code_challenge_methods_supported": {"S256"},
        "id_token_signing_alg_values_supported": {one.value for one in registration.algorithms},
        "scopes_supported": set(registration.scopes),
        "claims_supported": {registration.claim.value},
    }
    for name, wanted in told.items():
        known = document.get(name)
        # Of several algorithms one is enough; the others are wanted all.
        some = name.startswith("id_token")
        if isinstance(known, list) and wanted and not _holds(known, wanted, some=some):
            yield f"{name} has not {', '.join(sorted(wanted - set(map(str, known))))}"
    if not any(one.algorithm in registration.algorithms for one in keys):
        names = ", ".join(registration.algorithms)
        yield f"no key of the provider signs by {names}"


def _holds(known: list[Any], wanted: set[str], *, some: bool) -> bool:
    there = wanted & set(map(str, known))
    return bool(there) if some else there == wanted
