"""How bodies of the platforms are told apart: by the names of their own members."""

from typing import Final

ONENET: Final = frozenset(
    (b"msg", b"enc_msg", b"msg_signature", b"signature", b"nonce", b"time", b"id")
)
CTWING: Final = frozenset(
    (
        b"messageType", b"payload", b"deviceId", b"productId", b"tenantId", b"topic", b"timestamp",
        b"upPacketSN", b"upDataSN", b"serviceId", b"protocol", b"deviceType", b"assocAssetId",
        b"IMEI", b"IMSI", b"imei", b"imsi", b"eventContent", b"eventType", b"deviceSn", b"result",
        b"taskId",
    )
)  # fmt: skip
