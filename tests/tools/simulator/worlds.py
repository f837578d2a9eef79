"""Small worlds for tests."""

from typing import Final

from wattwarden.tools.simulator.scenario import Scenario, parse_scenario
from wattwarden.tools.simulator.world import World

FACTORY: Final = """
start = 2026-03-02
days = 3
[[factory]]
id = "F"
shifts = [["06:00", "22:00"]]
rest_days = []
[[factory.unit]]
id = "P"
kind = "production"
power_kw = 55
[[factory.unit]]
id = "T-fan"
power_kw = 15
[[factory.unit]]
id = "T-vfd"
power_kw = 30
drive = "vfd"
[[factory.unit]]
id = "T-follows"
power_kw = 30
drive = "vfd"
follows = true
"""

CITY: Final = """
start = 2026-03-02
days = 3
[city]
factories = 30
production = 120
treatment = 80
hj212 = 0.3
[offences]
R1 = 3
R2 = 3
R3 = 3
R4 = 3
R5 = 3
[confounders]
frame_loss = 0.01
skewed = 0.1
fouling = 0.04
meter_outage = { rate = 3 }
carrier_outage = { rate = 5 }
firm_blackout = { rate = 3 }
city_blackout = { rate = 5 }
frozen = { rate = 3 }
ct_off = { rate = 1 }
sag = { rate = 3 }
late_start = { rate = 3 }
trial_run = { rate = 3 }
short_stop = 3
maintenance = 1
"""

SMALL: Final = (
    CITY.replace("factories = 30", "factories = 8")
    .replace("production = 120", "production = 40")
    .replace("treatment = 80", "treatment = 24")
    .replace("hj212 = 0.3", "hj212 = 0.5")
)


def scenario(text: str = FACTORY, more: str = "") -> Scenario:
    return parse_scenario(text + more)


def world(text: str = FACTORY, more: str = "", seed: int = 1) -> World:
    return World(scenario(text, more), seed)
