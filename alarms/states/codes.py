"""States of units, as they are published."""

from enum import IntEnum
from typing import Final


class UnitState(IntEnum):
    """What a unit does; the numbers of the first eight are those in use among such systems."""

    RUNNING = 1  # 运行
    OFF = 2  # 停机
    NEVER = 3  # 未联网
    OFFLINE = 4  # 掉线
    OVER = 5  # 功率异常
    NO_POWER = 6  # 停电
    DECLARED = 7  # 停运, 维保
    IDLE = 8  # 空转
    REDUCED_VFD = 9  # 降频
    REDUCED_SLOW = 10  # 减速


NAMES_ZH: Final = {
    UnitState.RUNNING: "运行",
    UnitState.OFF: "停机",
    UnitState.NEVER: "未联网",
    UnitState.OFFLINE: "掉线",
    UnitState.OVER: "功率异常",
    UnitState.NO_POWER: "停电",
    UnitState.DECLARED: "已申报",
    UnitState.IDLE: "空转",
    UnitState.REDUCED_VFD: "降频",
    UnitState.REDUCED_SLOW: "减速",
}
# The unit works; in these states a machine's hours count.
RUN_STATES: Final = (
    UnitState.RUNNING,
    UnitState.OVER,
    UnitState.IDLE,
    UnitState.REDUCED_VFD,
    UnitState.REDUCED_SLOW,
)
