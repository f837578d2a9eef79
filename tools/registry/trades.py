"""What typical firms of an industry are made of: lines, machines, outlets and emissions.

Names are as people write them; powers are what catalogues of such machines offer.
"""

from dataclasses import dataclass, field
from typing import Final

from wattwarden.alarms.registry.nouns import Drive


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of machine and the range of its rated power, kW."""

    name: str
    low_kw: float
    high_kw: float
    drive: Drive = Drive.DIRECT
    # Treatment that has a spare in many firms: one runs, one stands by.
    spare: bool = False
    interlock: bool = False


@dataclass(frozen=True, slots=True)
class Workline:
    """A line and its machines; ``warm_up_s`` is how long treatment runs ahead of production."""

    name: str
    production: tuple[Machine, ...]
    treatment: tuple[Machine, ...]
    warm_up_s: float = 0.0
    run_on_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trade:
    """An industry: how common (of 100), how firms call themselves, what they emit."""

    industry: str
    share: int
    words: tuple[str, ...]
    lines: tuple[Workline, ...]
    # Yearly emissions, t, by pollutant: the range of one line.
    emissions: dict[str, tuple[float, float]]
    # Limits of the outlet by factor code.
    limits: dict[str, float] = field(default_factory=dict)


_VFD: Final = Drive.VFD
_HEAT: Final = Drive.RESISTIVE
_PULSED: Final = Drive.PULSED

TRADES: Final = (
    Trade(
        "cement",
        9,
        ("水泥", "建材", "商砼"),
        (
            Workline(
                "水泥粉磨线",
                (
                    Machine("水泥磨", 400, 2500),
                    Machine("选粉机", 55, 160, _VFD),
                    Machine("皮带输送机", 7.5, 30),
                ),
                (
                    Machine("布袋除尘风机", 75, 315, _VFD),
                    Machine("脉冲清灰空压机", 7.5, 22, _PULSED),
                ),
            ),
            Workline(
                "搅拌线",
                (Machine("搅拌主机", 37, 90), Machine("提升机", 11, 37)),
                (Machine("仓顶除尘风机", 5.5, 15),),
            ),
        ),
        {"PM": (3, 20), "NOx": (2, 40), "SO2": (0.5, 6)},
        {"a34013": 10.0, "a21002": 100.0},
    ),
    Trade(
        "coating",
        20,
        ("涂装", "汽车零部件", "金属制品", "机械"),
        (
            Workline(
                "喷漆线",
                (
                    Machine("喷漆房", 11, 45, interlock=True),
                    Machine("烘干炉", 45, 160, _HEAT),
                    Machine("输送链", 3, 11, _VFD),
                ),
                (
                    Machine("活性炭吸附风机", 18.5, 75, _VFD, spare=True),
                    Machine("水帘循环泵", 4, 15),
                    Machine("催化燃烧装置", 30, 120, _HEAT),
                ),
                run_on_s=120.0,
            ),
            Workline(
                "喷粉线",
                (Machine("喷粉房", 7.5, 22), Machine("固化炉", 60, 180, _HEAT)),
                (Machine("滤筒除尘风机", 11, 45),),
            ),
        ),
        {"VOCs": (0.5, 8), "PM": (0.2, 2)},
        {"a24088": 60.0},
    ),
    Trade(
        "printing",
        9,
        ("印刷", "包装", "彩印"),
        (
            Workline(
                "凹版印刷线",
                (
                    Machine("凹版印刷机", 75, 220, _VFD),
                    Machine("干式复合机", 45, 110),
                    Machine("熟化室", 15, 45, _HEAT),
                ),
                (
                    Machine("废气收集风机", 22, 75, _VFD, spare=True),
                    Machine("蓄热燃烧装置", 45, 160, _HEAT),
                ),
                warm_up_s=900.0,
                run_on_s=300.0,
            ),
        ),
        {"VOCs": (1, 15)},
        {"a24088": 50.0},
    ),
    Trade(
        "chemicals",
        11,
        ("化工", "精细化工", "新材料"),
        (
            Workline(
                "合成线",
                (
                    Machine("反应釜搅拌", 15, 55, _VFD),
                    Machine("离心机", 22, 55),
                    Machine("真空泵", 15, 45),
                    Machine("干燥机", 37, 110),
                ),
                (
                    Machine("喷淋塔循环泵", 7.5, 22, spare=True),
                    Machine("引风机", 15, 55, _VFD),
                    Machine("蓄热燃烧装置", 45, 132, _HEAT),
                ),
                warm_up_s=600.0,
                run_on_s=300.0,
            ),
        ),
        {"VOCs": (1, 12), "NOx": (0.5, 5), "COD": (1, 10)},
        {"a24088": 60.0, "a21002": 100.0},
    ),
    Trade(
        "foundry",
        11,
        ("铸造", "铸业", "精密铸件"),
        (
            Workline(
                "熔炼造型线",
                (
                    Machine("中频感应电炉", 500, 1600),
                    Machine("造型机", 45, 110),
                    Machine("抛丸机", 37, 110),
                    Machine("落砂机", 15, 37),
                ),
                (
                    Machine("布袋除尘风机", 55, 220, _VFD),
                    Machine("滤筒除尘风机", 22, 75, spare=True),
                ),
            ),
        ),
        {"PM": (1, 12), "VOCs": (0.2, 3)},
        {"a34013": 30.0},
    ),
    Trade(
        "furniture",
        11,
        ("家具", "木业", "门业"),
        (
            Workline(
                "开料线",
                (Machine("开料锯", 7.5, 22), Machine("砂光机", 22, 75)),
                (Machine("中央除尘风机", 30, 110, _VFD),),
            ),
            Workline(
                "喷涂线",
                (Machine("喷涂室", 7.5, 30, interlock=True), Machine("烘干房", 18.5, 60, _HEAT)),
                (Machine("活性炭吸附风机", 11, 45), Machine("光催化氧化装置", 3, 11)),
                run_on_s=120.0,
            ),
        ),
        {"VOCs": (0.3, 5), "PM": (0.2, 3)},
        {"a24088": 60.0},
    ),
    Trade(
        "rubber",
        12,
        ("橡胶", "轮胎", "橡塑"),
        (
            Workline(
                "密炼硫化线",
                (
                    Machine("密炼机", 250, 1500),
                    Machine("开炼机", 110, 250),
                    Machine("平板硫化机", 30, 90, _PULSED),
                ),
                (
                    Machine("密炼废气风机", 37, 132, _VFD, spare=True),
                    Machine("低温等离子装置", 7.5, 30),
                ),
                run_on_s=180.0,
            ),
        ),
        {"VOCs": (1, 10), "PM": (0.5, 4)},
        {"a24088": 10.0},
    ),
    Trade(
        "food",
        10,
        ("食品", "水产", "啤酒", "饲料"),
        (
            Workline(
                "蒸煮加工线",
                (
                    Machine("蒸煮机", 22, 75, _HEAT),
                    Machine("油炸机", 30, 90, _HEAT),
                    Machine("清洗机", 5.5, 22),
                ),
                (
                    Machine("油烟净化风机", 7.5, 30, _VFD),
                    Machine("调节池提升泵", 4, 11, _PULSED, spare=True),
                    Machine("曝气风机", 11, 37, spare=True),
                ),
            ),
        ),
        {"COD": (2, 25), "NH3-N": (0.1, 2)},
        {"w01018": 300.0},
    ),
    Trade(
        "sewage",
        7,
        ("污水处理", "水务", "环境"),
        (
            Workline(
                "处理单元",
                (Machine("进水提升泵", 30, 110, _VFD), Machine("压滤机", 11, 37)),
                (
                    Machine("罗茨鼓风机", 55, 200, _VFD, spare=True),
                    Machine("除臭风机", 11, 37),
                    Machine("回流泵", 11, 45),
                ),
            ),
        ),
        {"COD": (20, 160), "NH3-N": (1, 12)},
        {"w01018": 50.0, "w21003": 5.0},
    ),
)
