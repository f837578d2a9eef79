"""The page of WeChat and WeCom that asks nobody and tells a code (网页授权, scope snsapi_base).

https://open.weixin.qq.com/connect/oauth2/authorize?appid=…&redirect_uri=…#wechat_redirect
back: REDIRECT_URI?code=CODE&state=…          developer.work.weixin.qq.com path/91022 and path/96714
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

# Both apps know this host; it is opened by them, never by us.
CONSENT: Final = "https://open.weixin.qq.com"
# path/91022: a code has 512 bytes at most.
MAX_CODE_LETTERS: Final = 512


def consent_address(appid: str, back: str, more: Mapping[str, str] | None = None) -> str:
    """Return the address that leads back with a code; the order of parameters is the manual's."""
    query = {
        "appid": appid,
        "redirect_uri": back,
        "response_type": "code",
        "scope": "snsapi_base",
        "state": "bind",
        **(more or {}),
    }
    return f"{CONSENT}/connect/oauth2/authorize?{urlencode(query)}#wechat_redirect"
