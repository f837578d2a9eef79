"""The zone of a meter that nobody has configured."""

from datetime import timedelta, timezone
from typing import Final

# Wall time in mainland China, without summer time since 1991: a fixed offset.
CHINA: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
