"""Invented names: of firms and of people, and the places of a city by the sea."""

from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class District:
    """A district: its code within the city, its middle, and how many of 100 firms are in it."""

    id: str
    name: str
    code: int
    longitude: float
    latitude: float
    share: int


CITY: Final = "青岛市"
DISTRICTS: Final = (
    District("shinan", "市南区", 2, 120.41, 36.08, 1),
    District("shibei", "市北区", 3, 120.37, 36.09, 3),
    District("licang", "李沧区", 13, 120.43, 36.15, 7),
    District("laoshan", "崂山区", 12, 120.47, 36.11, 4),
    District("chengyang", "城阳区", 14, 120.40, 36.31, 18),
    District("huangdao", "黄岛区", 11, 120.05, 35.87, 20),
    District("jimo", "即墨区", 15, 120.45, 36.39, 17),
    District("jiaozhou", "胶州市", 81, 120.03, 36.26, 14),
    District("pingdu", "平度市", 83, 119.96, 36.79, 9),
    District("laixi", "莱西市", 85, 120.52, 36.89, 7),
)

_BRANDS: Final = (
    "瑞沣", "澜谷", "昶禾", "钧岳", "麓安", "朔源", "翊昌", "垚鑫", "骏岭", "沐川", "泓砚",
    "璟泰", "砺金", "煦和", "祺润", "樾林", "澍茂", "珩远", "铭垣", "崧立", "翎海", "熠辉",
    "筠成", "恺丰", "沅顺", "湛蓝", "烁光", "曜石", "旻嘉", "岱青", "琢玉", "霁云", "栩宁",
    "聿正", "韬略", "槿荣",
)  # fmt: skip
_TAILS: Final = ("有限公司", "有限公司", "有限公司", "股份有限公司", "厂")
_FAMILIES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
_GIVEN: Final = (
    "伟", "芳", "娜", "敏", "静", "强", "磊", "军", "洋", "勇", "艳", "杰",
    "涛", "明", "超", "秀英", "霞", "平", "刚", "桂英", "建华", "建国", "志强", "海燕",
    "晓东", "文斌", "立新", "国栋", "玉兰", "春梅", "永胜", "德江", "少华", "思远", "雨桐", "一鸣",
    "欣怡", "浩然", "子涵", "宇航",
)  # fmt: skip


class Namer:
    """Gives names, no firm's twice."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._taken: set[str] = set()

    def firm(self, district: District, word: str) -> str:
        """Name a firm of a district, by what it makes."""
        place = district.name[:-1]
        while True:
            brand = self._chance.choice(_BRANDS)
            name = f"青岛{place}{brand}{word}{self._chance.choice(_TAILS)}"
            if name not in self._taken:
                self._taken.add(name)
                return name

    def person(self) -> str:
        """Name a person."""
        return self._chance.choice(_FAMILIES) + self._chance.choice(_GIVEN)
