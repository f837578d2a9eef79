"""What gateways write down beside events of connections, such as why they end, for people."""

import re
from collections.abc import Mapping
from typing import Final

from wattwarden.console.drawing.said import Said

_ZH: Final[Mapping[str, str]] = {
    "silent beyond the protocol's limit": "超过规约时限没有数据",
    "no login before the deadline": "没有按时登录",
    "the peer hung up": "对端挂断",
    "taken over by the same meter": "同一表计重新接入",
    "taken over by the same meter, at another gateway": "同一表计从另一网关接入",
    "another peer uses the same id": "另一设备使用同一表号",
    "gateway stops": "网关停止",
    "not from an allowed network": "来自不允许的网络",
    "not from a network of the meter": "不是来自该表计的网络",
    "not with the certificate of the meter": "不是该表计的证书",
    "the password (PW) is not the meter's": "密码（PW）与该表计不符",
    "the SIM card is not the meter's": "SIM 卡与该表计不符",
    "the meter logs in too often": "登录过于频繁",
    "the meter failed to prove itself too often from this address": "该地址多次未能证明身份",
    "a codec failed": "规约解析程序出错",
    "the meter dialled in again; its older connection is closed": "表计重新接入，旧连接已关闭",
    "another peer uses the same id and keeps coming back; the older connection stays": (
        "另一设备使用同一表号且反复接入，保留旧连接"
    ),
    "ConnectionResetError": "连接被对端重置",
    "TimeoutError": "网络超时",
}
_EN: Final[Mapping[str, str]] = {
    "ConnectionResetError": "reset by the peer",
    "TimeoutError": "the network timed out",
}
_NOISE: Final = re.compile(r"more than (\d+) bytes without a frame")
_FOREIGN: Final = re.compile(r"(.+) on the meter port")
_TWO_PEERS: Final = re.compile(r"(\S+) and (\S+)")


def reason_of(text: str) -> Said:
    """Return a reason in both languages; what is not known here, such as a cipher, as it is."""
    if not text or text in _ZH:
        return Said(_ZH.get(text, ""), _EN.get(text, text))
    if found := _NOISE.fullmatch(text):
        return Said(f"连续 {found[1]} 字节没有有效报文", text)
    if found := _FOREIGN.fullmatch(text):
        return Said(f"表计端口收到 {found[1]}", text)
    if found := _TWO_PEERS.fullmatch(text):
        return Said(f"{found[1]} 与 {found[2]}", text)
    return Said(text, text)
