"""``wattwarden forward``: what the table says, how far platforms are, and one tried out."""

import asyncio
import re
import socket
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import asyncpg
import pytest
from tests.storage.feed import LONG_AGO, register, small_city
from tests.tools.conftest import Execute
from tests.tools.test_meters import rows

from wattwarden.alarms.registry.nouns import Outlet, Point
from wattwarden.codecs.hj212 import CODEC
from wattwarden.protocol.codec import Batch, default_profile
from wattwarden.server.forward_table import Platform, read_forward_table
from wattwarden.tools.checks import State, forwarding
from wattwarden.tools.doctor import forwarding_trouble
from wattwarden.tools.main import main
from wattwarden.tools.options import System
from wattwarden.tools.running import settings_of

PAGE = (Path(__file__).parents[2] / "docs" / "forwarding.md").read_text("utf-8")
TABLE = """[platforms.city]
address = "127.0.0.1:{port}"
enterprises = ["*"]
password_file = "city_password"
overtime_s = 0.2
"""


class Above:
    """A platform that answers one line, or none."""

    def __init__(self, *, answers: bool) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.frames: list[bytes] = []
        self._answers = answers
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        line, _ = self._socket.accept()
        with line:
            while data := line.recv(65_536):
                self.frames.append(data)
                if self._answers:
                    line.sendall(CODEC.acknowledge(Batch.of([data], 0))[0])

    def close(self) -> None:
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def _configured(data: Path) -> None:
    (data / "secrets" / "city_password").write_text("123456")
    (data / "forward.toml").write_text(TABLE.format(port=9))


@pytest.fixture
def _measured(store_dsn: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(store_dsn)
        await register(connection, small_city(["E1"]))
        await connection.execute(
            "INSERT INTO meter (codec, address, state, enrolled_at)"
            " VALUES ('fake', 'E1-p', 'accepted', now())"
        )
        await connection.execute(
            "INSERT INTO reading (meter, step, at, received_at, quality, period, channel,"
            " power_total) SELECT id, 1, $1, $1, 0, 'i', '', 8250 FROM meter",
            datetime.now(UTC),
        )
        await connection.close()

    asyncio.run(work())


@pytest.mark.usefixtures("_configured")
def test_the_table_is_listed_with_what_is_wrong(
    where: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = rows(capsys, "forward", "list", *where)
    assert (row["platform"], row["address"], row["meters"]) == ("city", "127.0.0.1:9", 0)
    assert row["problem"] is None
    (data / "secrets" / "city_password").unlink()
    (row,) = rows(capsys, "forward", "list", *where)
    assert "city_password" in row["problem"]
    assert main(["forward", "list", *where]) == 0
    assert "127.0.0.1:9" in capsys.readouterr().out


@pytest.mark.usefixtures("_configured")
def test_meters_that_would_share_an_mn_are_named_by_list_and_doctor(
    where: list[str], data: Path, store_dsn: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        registry = small_city(["E1"])
        registry.put("outlet", Outlet(id="o", enterprise="E1", name="stack"))
        for codec, code in (("acrel", "a34004"), ("dlt645", "a21026")):
            point = Point(
                id=codec, meter=f"{codec}:77", valid_from=LONG_AGO, factor=code, outlet="o",
                measures="pollutant",
            )  # fmt: skip
            registry.put("point", point)
        connection = await asyncpg.connect(store_dsn)
        await register(connection, registry)
        await connection.close()

    asyncio.run(work())
    (row,) = rows(capsys, "forward", "list", *where)
    assert "the MN 77 stands for acrel:77, dlt645:77" in row["problem"]
    settings = settings_of(System(data=data, dsn=store_dsn))
    assert asyncio.run(forwarding_trouble(settings)) == row["problem"]
    (data / "forward.toml").write_text(
        TABLE.format(port=9) + 'mn = {"acrel:77" = "X", "dlt645:77" = "X"}\n'
    )
    assert main(["forward", "list", *where]) == 1
    assert "the MN X stands for" in capsys.readouterr().err
    trouble = asyncio.run(forwarding_trouble(settings))
    assert trouble is not None
    assert "the MN X stands for" in trouble
    assert forwarding(trouble).state is State.WARN
    (data / "forward.toml").unlink()
    assert asyncio.run(forwarding_trouble(settings)) is None
    assert forwarding(None).state is forwarding("").state is State.OK


def test_without_a_table_the_cure_is_said(
    where: list[str], data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forward", "list", *where]) == 1
    assert "docs/forwarding.md" in capsys.readouterr().err
    (data / "forward.toml").write_text("[platforms.X]")
    assert main(["forward", "list", *where]) == 1
    assert "forward.toml" in capsys.readouterr().err
    assert main(["forwarder", *where]) == 1
    assert "forward.toml" in capsys.readouterr().err


def test_how_far_a_platform_is_and_what_is_in_the_way(
    where: list[str], data: Path, execute: Execute, capsys: pytest.CaptureFixture[str]
) -> None:
    execute(
        "INSERT INTO forward_position (platform, step, qn, sent, acknowledged, acknowledged_at,"
        " trouble, trouble_at) VALUES ('city', 7, 9, 5, 3, now(), 'not reached', now())"
    )
    execute(
        "INSERT INTO forward_item (platform, qn, mn, cn, repeated, data, aside)"
        " SELECT 'city', n, 'M', '2011', FALSE, '', n = 1 FROM generate_series(1, 3) AS n"
    )
    (row,) = rows(capsys, "forward", "status", *where)
    assert (row["owed"], row["aside"], row["trouble"]) == (2, 1, "not reached")
    assert main(["forward", "status", *where]) == 1
    assert "not reached" in capsys.readouterr().out
    assert rows(capsys, "forward", "retry", "city", *where) == [{"platform": "city", "owed": 1}]
    execute("UPDATE forward_item SET aside = TRUE WHERE qn = 2")
    (row,) = rows(capsys, "forward", "aside", "city", *where)
    assert (row["mn"], row["cn"], row["tries"]) == ("M", "2011", 0)
    assert main(["forward", "aside", "city", *where]) == 0
    assert "2011" in capsys.readouterr().out
    execute("UPDATE forward_item SET aside = FALSE")
    assert main(["forward", "aside", "nobody", *where]) == 1
    assert "nothing was ever forwarded to nobody" in capsys.readouterr().err
    execute("UPDATE forward_position SET trouble = ''")
    assert main(["forward", "status", *where]) == 0
    capsys.readouterr()
    assert rows(capsys, "forward", "status", *where)[0]["owed"] == 3
    (data / "forward.toml").write_text(TABLE.format(port=9))
    assert main(["forward", "forget", "city", *where]) == 2
    assert "take it out there first" in capsys.readouterr().err
    (data / "forward.toml").unlink()
    assert rows(capsys, "forward", "forget", "city", *where) == [{"platform": "city", "owed": 3}]
    assert rows(capsys, "forward", "status", *where) == []
    assert main(["forward", "forget", "city", *where]) == 2
    assert "nothing was ever forwarded" in capsys.readouterr().err


@pytest.mark.usefixtures("_configured", "_measured")
@pytest.mark.parametrize("answers", [True, False], ids=["takes it", "is silent"])
def test_a_platform_is_tried_out_with_the_newest_reading(
    where: list[str],
    data: Path,
    capsys: pytest.CaptureFixture[str],
    answers: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    above = Above(answers=answers)
    (data / "forward.toml").write_text(TABLE.format(port=above.port))
    (row,) = rows(capsys, "forward", "test", "city", *where)
    above.close()
    message = CODEC.read(above.frames[0], default_profile)
    assert (message.meter, message.fields["PW"], row["mn"]) == ("E1p", "123456", "E1p")
    assert row["taken"] is answers
    assert message.fields["QN"] == row["qn"]
    assert answers or "no answer" in row["reason"]


@pytest.mark.usefixtures("_configured")
def test_a_trial_needs_a_platform_and_a_reading(
    where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forward", "test", "nowhere", *where]) == 2
    assert "no platform nowhere" in capsys.readouterr().err
    assert main(["forward", "test", "city", *where]) == 1
    assert "no reading" in capsys.readouterr().err


def test_the_pages_table_can_be_used_as_it_stands() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    platform = read_forward_table("".join(blocks).encode())["province"]
    assert platform.mn
    assert set(platform.codes) == {"power_total", "energy_forward", "current_a"}


def test_the_page_names_every_setting_with_its_default() -> None:
    said = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", PAGE, re.MULTILINE))
    assert set(said) == set(Platform.__struct_fields__)
    defaults = Platform("a:1", ["E"], "p")
    for name in ("edition", "overtime_s", "retries", "window", "per_second"):
        assert float(said[name]) == getattr(defaults, name)
