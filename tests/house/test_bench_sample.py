"""The drawn sample city: what its meters say is what stands behind their transformers."""

from datetime import UTC, datetime

import numpy as np
from bench.sample_city import course_of
from tests.alarms.registry.firm import SINCE, registry

from wattwarden.alarms.registry.nouns import Point


def test_a_meter_behind_a_transformer_sees_so_much_less() -> None:
    points = [
        ("point", Point(id=f"{unit}-P", meter=f"acrel:{unit}", unit=unit, valid_from=SINCE, ct=ct))
        for unit, ct in (("U1", 60.0), ("U2", 1.0), ("U3", 1.0))
    ]
    city = registry(*points)
    course = course_of(city, datetime(2026, 11, 19, 16, tzinfo=UTC), 1)
    most = np.nanmax(course.day(0), axis=1)
    for machine, seen in zip(course.machines, most, strict=True):
        ratio = 60 if machine.name == "U1" else 1
        assert seen * ratio < 1.5 * city.unit[machine.name].rated_power
