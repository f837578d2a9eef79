"""Wire protocols, a module or a package each.  Whichever has a ``CODEC`` is found."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from wattwarden.protocol.codec import Codec


@cache
def load_codecs() -> dict[str, Codec]:
    """Return every codec by name, in order of name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    codecs = (module.CODEC for module in modules if hasattr(module, "CODEC"))
    return {codec.name: codec for codec in sorted(codecs, key=lambda codec: codec.name)}
