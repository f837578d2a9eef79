"""The examples in the docstrings say what is true."""

import doctest
from importlib import import_module
from pkgutil import iter_modules

import pytest

import wattwarden.protocol

MODULES = [found.name for found in iter_modules(wattwarden.protocol.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    assert doctest.testmod(import_module(f"wattwarden.protocol.{name}")).failed == 0


def test_there_are_examples() -> None:
    checksum = import_module("wattwarden.protocol.checksum")
    assert doctest.testmod(checksum).attempted >= 5
