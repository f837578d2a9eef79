"""What ``wattwarden simulate --protocol`` refuses, and where it finds the gateway's doors."""

from pathlib import Path
from typing import Any

import pytest

from wattwarden.server.settings import GatewaySettings, Settings
from wattwarden.tools.errors import UsageError
from wattwarden.tools.options import System
from wattwarden.tools.simulate import simulate
from wattwarden.tools.simulator.options import AS_WRITTEN, NO_PORT, Straight
from wattwarden.tools.simulator.protocols.options import Kinds
from wattwarden.tools.simulator.protocols.run import doors_of, simulate_protocol


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"meters": 0}, "--meters"),
        ({"cycle": 0.0}, "--cycle"),
        ({"minutes": -1.0}, "--minutes"),
        ({"garbage": 101.0}, "--garbage"),
    ],
    ids=["meters", "cycle", "minutes", "garbage"],
)
def test_numbers_that_mean_nothing_are_refused(
    wrong: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=told):
        simulate_protocol(
            Kinds(protocol="hj212", **wrong), AS_WRITTEN, NO_PORT, Settings(data=tmp_path)
        )


def test_a_scenario_or_a_protocol_is_simulated_and_not_both(tmp_path: Path) -> None:
    system, kinds = System(data=tmp_path), Kinds(protocol="hj212")
    with pytest.raises(UsageError, match="without a scenario"):
        simulate("factory", kinds=kinds, system=system)
    with pytest.raises(UsageError, match="over a port"):
        simulate(kinds=kinds, straight=Straight(direct=True), system=system)
    with pytest.raises(UsageError, match="SCENARIO or --protocol"):
        simulate(system=system)


def test_doors_are_those_of_the_settings_with_the_secrets_of_the_platforms(tmp_path: Path) -> None:
    listens = {"http_listen": "0.0.0.0:10281", "udp_listen": "127.0.0.2:10213"}
    gateway = GatewaySettings.model_validate({**listens, "onenet_token_file": "onenet.token"})
    settings = Settings(data=tmp_path, gateway=gateway)
    with pytest.raises(UsageError, match=r"onenet\.token"):
        doors_of(settings, "192.0.2.1")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/onenet.token").write_text("secret\n")
    doors = doors_of(settings, "192.0.2.1")
    assert (doors.http, doors.udp) == ("http://192.0.2.1:10281", ("127.0.0.2", 10213))
    assert doors.tokens == {"onenet": "secret"}
    assert doors.hears("onenet")
    assert not doors.hears("ctwing")
