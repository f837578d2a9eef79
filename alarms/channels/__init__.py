"""Ways to reach people and machines, a module each.  Whichever has a ``CHANNEL`` is found."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from wattwarden.alarms.channels.channel import Channel


@cache
def load_channels() -> dict[str, Channel]:
    """Return every channel by name, in order of name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    channels = (module.CHANNEL for module in modules if hasattr(module, "CHANNEL"))
    return {channel.name: channel for channel in sorted(channels, key=lambda one: one.name)}
