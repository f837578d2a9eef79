"""Wire protocols, a module or a package each.  Whichever has a ``CODEC`` is found."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final

from wattwarden.protocol.codec import Codec, Profile

Profiles = Mapping[tuple[str, str], Profile]
NOBODY: Final[Profiles] = MappingProxyType({})


@cache
def load_codecs() -> dict[str, Codec]:
    """Return every codec by name, in order of name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    codecs = (module.CODEC for module in modules if hasattr(module, "CODEC"))
    return {codec.name: codec for codec in sorted(codecs, key=lambda codec: codec.name)}


def port_codecs(profiles: Profiles = NOBODY) -> tuple[Codec, ...]:
    """Return the codecs that the first bytes of a connection may name, in order of name.

    They know how the meters with these profiles, by codec and address, say who they are.
    """
    return tuple(_knowing(codec, profiles) for codec in load_codecs().values() if codec.is_guessed)


def _knowing(codec: Codec, profiles: Profiles) -> Codec:
    if codec.knowing is None:
        return codec
    return codec.knowing(
        {address: its for (name, address), its in profiles.items() if name == codec.name}
    )
