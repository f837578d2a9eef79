"""Pushes of platforms: what stands inside them, and who they are about."""

from typing import Any

import orjson
import pytest
from tests.codecs.hj212_frames import MN, frame
from tests.codecs.mischief import NOW, vectors_of

from wattwarden.codecs import load_codecs
from wattwarden.codecs.pushes.carried import (
    BASE64_FIRST,
    HEX_FIRST,
    MOST_FRAMES,
    frames_in,
    payload_of,
)
from wattwarden.codecs.pushes.told import property_of
from wattwarden.protocol.codec import Batch, Columns, Profile, default_profile

CTWING, ONENET = load_codecs()["ctwing"], load_codecs()["onenet"]
UPLOAD = next(one.raw for one in vectors_of("acrel") if str(one) == "acrel-upload-2")
IMEI = "862592051651472"


def ctwing(payload: Any, **more: Any) -> bytes:
    return orjson.dumps({"messageType": "dataReport", "IMEI": IMEI, "payload": payload} | more)


def onenet(value: Any) -> bytes:
    return orjson.dumps({"msg": {"type": 1, "imei": IMEI, "value": value}})


def values_of(columns: Columns) -> set[tuple[str, str, float]]:
    found = {
        (columns.meters[meter], name, value)
        for block in columns.blocks
        for name, values in block.values.items()
        for meter, value in zip(block.meter.tolist(), values.tolist(), strict=True)
    }
    return found | {
        (columns.meters[meter], name, value)
        for block in columns.factors
        for meter, row in zip(block.meter.tolist(), block.values.tolist(), strict=True)
        for name, value in zip(block.layout, row, strict=True)
    }


# --- bytes


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        pytest.param("QQ==", b"A", id="no bits behind the end"),
        pytest.param("QR==", b"A", id="bits behind the end"),
        pytest.param("QUF=", b"AA", id="bits behind the end of two"),
        pytest.param("QUFB", b"AAA", id="no padding"),
        pytest.param("QQ=", None, id="half the padding"),
        pytest.param("Q===", None, id="six bits"),
        pytest.param("QU-B", None, id="another alphabet"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_text_in_base64_is_its_bytes(text: str, raw: bytes | None) -> None:
    assert payload_of(text, BASE64_FIRST, default_profile) == raw


def test_a_payload_gives_so_many_frames_and_no_more() -> None:
    payload = UPLOAD * (MOST_FRAMES + 1)
    found = list(frames_in(payload, default_profile))
    assert [(codec.name, raw) for codec, raw in found] == [("acrel", UPLOAD)] * MOST_FRAMES
    assert payload_of(payload.hex(), HEX_FIRST, default_profile) == payload


# --- frames that continue each other

DATA = "DataTime=20261122110000"


def part(number: int, data: str) -> bytes:
    head = f"QN=20261122110000001;ST=31;CN=2051;PW=123456;MN={MN};Flag=7;PNUM=2;PNO={number};"
    return frame(f"{head}CP=&&{data}&&")


def test_parts_of_a_packet_inside_a_push_say_what_the_whole_says() -> None:
    parts = part(1, f"{DATA};a01-Avg=12.") + part(2, "5,a01-Flag=N;b02-Avg=3,b02-Flag=N")
    columns = CTWING.decode(Batch.of([ctwing({"APPdata": parts.hex()})], NOW))
    assert columns.refused == ()
    assert values_of(columns) == {(MN, "a01-Avg", 12.5), (MN, "b02-Avg", 3.0)}


def test_parts_in_pushes_of_their_own_do_not_continue_each_other() -> None:
    bodies = [
        ctwing({"APPdata": part(1, f"{DATA};a01-Avg=1;").hex()}),
        ctwing({"APPdata": part(2, "b02-Avg=3,b02-Flag=N").hex()}),
    ]
    columns = CTWING.decode(Batch.of(bodies, NOW))
    assert values_of(columns) == {(MN, "a01-Avg", 1.0)}
    (refused,) = columns.refused
    assert refused.frame == 1


# --- structured values


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"raw": UPLOAD.hex(), "note": "cafe"}, id="a member"),
        pytest.param(["cafe", {"deep": [UPLOAD.hex()]}], id="a list"),
        pytest.param({"text": "a plain one", "b64": UPLOAD.hex().upper()}, id="upper case"),
    ],
)
def test_frames_in_a_structured_value_are_read(value: Any) -> None:
    body = onenet(value)
    (payload,) = ONENET.read(body, default_profile).fields["payloads"]
    assert payload["hex"] == UPLOAD.hex()
    assert [row["codec"] for row in payload["frames"]] == ["acrel"]
    alone = onenet(UPLOAD.hex())
    found = values_of(ONENET.decode(Batch.of([body], NOW)))
    assert found == values_of(ONENET.decode(Batch.of([alone], NOW))) != set()


def test_a_structured_value_without_frames_gives_its_numbers_alone() -> None:
    body = onenet({"code": "cafe", "EPI": "12.5"})
    assert ONENET.read(body, default_profile).fields["payloads"] == []
    assert values_of(ONENET.decode(Batch.of([body], NOW))) == {(IMEI, "EPI", 12.5)}


# --- names and scales


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"x":1}', b"[1]", ctwing({})[:-1]],
    ids=["nothing", "a brace", "nobody's", "a list", "cut short"],
)
def test_a_body_that_is_no_push_names_nobody(body: bytes) -> None:
    dialogue = CTWING.dialogue(default_profile)
    assert dialogue.receive([body], NOW) == b""
    assert dialogue.identity is None
    dialogue.receive([ctwing({}), ctwing({}, IMEI="862592051651473")], NOW)
    assert dialogue.identity == IMEI


@pytest.mark.parametrize(
    ("entry", "scale"),
    [
        ("energy_forward", 1.0), (["energy_forward", 1000], 1000.0), (["energy_forward", 0.1], 0.1),
        (["energy_forward", True], None), (["energy_forward", "1000"], None),
        (["energy_forward", None], None), (["energy_forward"], None), (["no_quantity", 1], None),
        (7, None), ([[], 1], None),
    ],
)  # fmt: skip
def test_a_property_is_a_quantity_with_a_scale_that_is_a_number(
    entry: Any, scale: float | None
) -> None:
    found = property_of(Profile(options={"properties": {"EPI": entry}}), "EPI")
    assert (found and (found.quantity, found.scale)) == (scale and ("energy_forward", scale))
