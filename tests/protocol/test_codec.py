"""Batches and the small records of the contract between protocols and everything else."""

from datetime import timedelta

import numpy as np
import pytest

from wattwarden.protocol.codec import (
    DEFAULT_PROFILE,
    Batch,
    Profile,
    Refused,
    default_profile,
    refusal,
)
from wattwarden.protocol.errors import ProtocolError, Refusal
from wattwarden.protocol.quality import Quality
from wattwarden.protocol.quantity import MISSING, QUANTITIES, Unit


@pytest.mark.parametrize("frames", [[], [b""], [b"a"], [b"ab", b"", b"c"]])
def test_a_batch_gives_its_frames_back(frames: list[bytes]) -> None:
    batch = Batch.of(frames, received_at=7, identity="007")
    assert len(batch) == len(frames)
    assert batch.frames() == frames
    assert [batch.frame(index) for index in range(len(batch))] == frames
    assert batch.received_at.tolist() == [7] * len(frames)
    assert [batch.identities[row] for row in batch.session] == ["007"] * len(frames)
    assert batch.request.tolist() == [-1] * len(frames)
    assert (batch.offsets.dtype, batch.session.dtype) == (np.dtype(np.int64), np.dtype(np.int32))


def test_a_batch_says_what_its_frames_continue() -> None:
    batch = Batch.of([b"a", b"b", b"c", b"d"], 7, asked={1: b"x", 3: b"y", 2: b"x"})
    asked = [batch.requests[number] if number >= 0 else None for number in batch.request]
    assert asked == [None, b"x", b"x", b"y"]
    assert (len(batch.requests), batch.request.dtype) == (2, np.dtype(np.int32))


def test_a_batch_takes_the_profiles_it_is_given() -> None:
    profile = Profile(cycle_s=60)
    assert Batch.of([b"a"], 0, profile_of=lambda _address: profile).profile_of("007") is profile
    assert Batch.of([b"a"], 0).profile_of("007") is DEFAULT_PROFILE


def test_a_meter_nobody_has_configured_lives_in_china() -> None:
    assert default_profile("007").zone.utcoffset(None) == timedelta(hours=8)


def test_a_profile_keeps_its_key_out_of_logs() -> None:
    assert "secret" not in repr(Profile(key=b"secret"))


def test_the_error_of_a_frame_becomes_its_entry_among_the_refused() -> None:
    error = ProtocolError(Refusal.CHECKSUM, "CRC does not fit", offset=9)
    assert str(error) == "CRC does not fit"
    assert refusal(3, error) == Refused(3, Refusal.CHECKSUM, "CRC does not fit", 9)


def test_every_bit_of_the_quality_fits_its_column() -> None:
    bits = [flag.value for flag in Quality]
    assert len(set(bits)) == len(bits)
    assert sum(bits) <= np.iinfo(np.int16).max


def test_energies_are_exact_and_nothing_else_is() -> None:
    exact = {name for name, quantity in QUANTITIES.items() if quantity.exact}
    assert exact == {name for name in QUANTITIES if "energy" in name}
    assert {QUANTITIES[name].unit for name in exact} == {Unit.WATT_HOUR, Unit.VAR_HOUR}
    assert np.iinfo(np.int64).min == MISSING


def test_quantities_have_the_names_and_units_that_commands_print() -> None:
    units = {name: quantity.unit.value for name, quantity in QUANTITIES.items()}
    expected = {
        "voltage_a": "V",
        "current_a": "A",
        "power_total": "W",
        "power_a": "W",
        "reactive_total": "var",
        "apparent_total": "VA",
        "power_factor_total": "1",
        "frequency": "Hz",
        "energy_forward": "Wh",
        "energy_reverse": "Wh",
        "energy_forward_peak": "Wh",
    }
    assert expected.items() <= units.items()
