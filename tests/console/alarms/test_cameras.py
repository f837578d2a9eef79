"""A camera's address is led to only where a browser may safely go."""

import pytest

from wattwarden.alarms.registry.nouns import Equipment, EquipmentKind
from wattwarden.alarms.registry.registry import Registry
from wattwarden.console.alarms.cameras import MOST_CAMERAS, camera_of, cameras_of


@pytest.mark.parametrize(
    "address",
    [
        "https://cameras.example/1?view=live",
        "http://10.0.0.8:8080/stream",
        "rtsp://10.0.0.8:554/h264/ch1",
        "https://[2001:db8::1]/a",
    ],
)
def test_pages_and_streams_are_led_to(address: str) -> None:
    camera = camera_of("门", address)
    assert camera.link == address
    assert camera.host


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JaVaScRiPt://cameras.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "//cameras.example/1",
        "cameras.example/1",
        "https:cameras.example",
        "https:///nowhere",
        "https://name:secret@cameras.example/1",
        "rtsp://admin@10.0.0.8/1",
        "https://cameras.example\\@other.example/",
        "https://cameras.example/ 1",
        "https://cameras.example/\n1",
        'https://cameras.example/"onclick="alert(1)',
        "https://cameras.example:port/",
        "http://[::1",
        "vbscript:x",
        "",
    ],
    ids=repr,
)
def test_everything_else_is_shown_and_not_led_to(address: str) -> None:
    camera = camera_of("门", address)
    assert camera.link is None
    assert "secret" not in camera.host


def test_a_firms_own_cameras_are_shown_up_to_a_number() -> None:
    registry = Registry()
    for number in range(MOST_CAMERAS + 2):
        registry.put("equipment", _camera(f"C{number}", "F", f"https://c.example/{number}"))
    registry.put("equipment", _camera("other", "G", "https://c.example/other"))
    registry.put("equipment", _camera("none", "F", ""))
    found = cameras_of((), "F", registry)
    assert [one.name for one in found] == [f"C{number}" for number in range(MOST_CAMERAS)]


def _camera(name: str, firm: str, address: str) -> Equipment:
    return Equipment(id=name, enterprise=firm, equipment=EquipmentKind.VIDEO, address=address)
