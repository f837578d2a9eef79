"""docs/install.md followed to the letter in a fresh Debian 12, and what it installed started.

    debootstrap ─► a bare root ─► each block marked `sh install`, as it stands, by root
                                  systemd-analyze verify, security ─► units
                                  the unit's own ExecStart, closed off as the unit says ─► a meter

    python deploy/try_install.py [--record] [--keep FOLDER]         as root, with ways to registries

Not booted: `systemctl start` is said and does nothing; as_systemd starts what it would.
With --record, the end of the page says what was seen, and when.
"""

import argparse
import ctypes
import fcntl
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

# Started by its path, on a Python that has none of our libraries.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deploy.as_systemd import Service, unit_of

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "install.md"
RECORD: Final = "## 试过 · Tried out\n"
BLOCK: Final = re.compile(r"^```sh install\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SUITE: Final = "bookworm"
SOURCES: Final = "usr/src/wattwarden"
UNITS: Final = tuple(
    f"/lib/systemd/system/wattwarden{name}"
    for name in (".service", ".socket", "-backup.service", "-backup.timer")
)
CLUSTER: Final = "/usr/share/doc/wattwarden/cluster"
MOST_EXPOSED: Final = 3.0
BLOCK_LIMIT_S: Final = 1800
READY_LIMIT_S: Final = 180.0
STOP_LIMIT_S: Final = 120.0
# How this machine reaches registries is its own affair, and goes with us: files and settings.
WAYS: Final = (
    "etc/resolv.conf", "etc/hosts", "etc/pip.conf", "root/.config/pip", "root/.config/uv",
)  # fmt: skip
WAYS_NAMED: Final = re.compile(r"PIP_|UV_|.*_proxy$", re.IGNORECASE)
# Whom this machine trusts, a gatekeeper of its network among them.
TRUSTED: Final = Path("/etc/ssl/certs/ca-certificates.crt")
TRUSTED_THERE: Final = "/etc/trusted-by-the-host.crt"
TRUSTING: Final = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
# linux/sockios.h, if.h
SIOCGIFFLAGS: Final = 0x8913
SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1


def main() -> None:
    """Do all of it, or say why this machine does not allow it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        sys.exit("try_install: this needs root, and unshare, to make a root folder")
    if not words.apart:
        # Whatever is mounted for it, and whatever runs in it, goes when this ends.
        again = [sys.executable, __file__, *sys.argv[1:], "--apart"]
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *again])  # noqa: S606  itself
    with fresh_root(words.keep) as folder:
        seen = [*follow(folder), *look_at_units(folder)]
        seen += apart_from_the_network(lambda: [*run_by_hand(folder)])
    for what, found in seen:
        print(f"{what}: {found}")
    if words.record:
        record(seen)


Seen = list[tuple[str, str]]


@contextmanager
def fresh_root(keep: Path | None) -> Iterator[Path]:
    """Make a bare Debian 12 with our sources in it; one that is kept is taken as it is."""
    folder = keep or Path(tempfile.mkdtemp(prefix="wattwarden-root-", dir="/var/tmp"))
    folder.chmod(0o755)
    if not (folder / "etc/debian_version").exists():
        bootstrap(folder)
    try:
        carry(folder)
        for kind, place in (("proc", "proc"), ("tmpfs", "tmp"), ("tmpfs", "run")):
            call("mount", "-t", kind, kind, folder / place)
        call("mount", "--rbind", "/dev", folder / "dev")
        (folder / "tmp").chmod(0o1777)
        yield folder
    finally:
        for place in ("dev", "run", "tmp", "proc", *(one[1:] for one in local_wheels())):
            subprocess.run(["umount", "-l", folder / place], capture_output=True, check=False)
        if keep is None:
            shutil.rmtree(folder)


def bootstrap(folder: Path) -> None:
    """Lay a bare Debian from where this machine has its own."""
    if shutil.which("debootstrap") is None:
        call("apt-get", "-qq", "update")
        call("apt-get", "-qq", "install", "-y", "--no-install-recommends", "debootstrap")
    call(
        "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv", SUITE, folder,
        mirror(),
    )  # fmt: skip


def mirror() -> str:
    """Return where this machine has Debian's packages from."""
    told = call(
        "apt-get",
        "indextargets",
        "--format",
        "$(ORIGIN) $(CODENAME) $(SITE)",
        "Created-By: Packages",
    )
    for line in told.splitlines():
        origin, codename, site = line.split(" ", 2)
        if (origin, codename) == ("Debian", SUITE):
            return site
    sys.exit("try_install: this machine has no Debian 12 packages to make a root of")


def carry(folder: Path) -> None:
    """Bring our sources, and the ways to registries."""
    shutil.rmtree(folder / SOURCES, ignore_errors=True)
    listed = call("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_symlink() or (ROOT / name).is_file():
            place = folder / SOURCES / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place, follow_symlinks=False)
    for way in WAYS:
        source, place = Path("/", way), folder / way
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        elif source.is_file():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
    if TRUSTED.exists():
        shutil.copyfile(TRUSTED, folder / TRUSTED_THERE[1:])
    for name in local_wheels():
        place = folder / name[1:]
        place.mkdir(parents=True, exist_ok=True)
        call("mount", "--bind", "-o", "ro", name, place)


def local_wheels() -> list[str]:
    """Return folders of this machine in which pip looks for wheels."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    found = re.findall(r"(?:file://)?(/[\w./-]+)", " ".join(re.findall(r"=\s*(.*)", told)))
    return sorted({str(Path(one)) for one in found if Path(one).is_dir()})


def follow(folder: Path) -> Iterator[tuple[str, str]]:
    """Run each block of the page as it stands."""
    yield "Debian", (folder / "etc/debian_version").read_text().strip()
    for number, block in enumerate(BLOCK.findall(PAGE.read_text("utf-8")), 1):
        began = time.monotonic()
        inside(folder, "bash", "-exuo", "pipefail", "-c", block)
        first = block.strip().splitlines()[-1]
        yield f"block {number}, to `{first}`", f"{time.monotonic() - began:.0f} s"
    for file in sorted((folder / SOURCES / "dist").iterdir()):
        yield file.name, f"{file.stat().st_size / 2**20:.1f} MiB"


def look_at_units(folder: Path) -> Iterator[tuple[str, str]]:
    """Have systemd of that root look at what is installed in it."""
    told = inside(folder, "systemd-analyze", "verify", *UNITS)
    yield "systemd-analyze verify", told.strip() or "nothing to say"
    enabled = inside(folder, "systemctl", "is-enabled", "wattwarden.socket", "wattwarden.service")
    yield "enabled", enabled.replace("\n", " ").strip()
    cluster = [f"/{file.relative_to(folder)}" for file in (folder / CLUSTER[1:]).glob("*.service")]
    for unit in (UNITS[0], UNITS[2], *cluster):
        exposed = inside(
            folder, "systemd-analyze", "security", "--offline=true", "--threshold=30", unit
        )
        score = re.findall(r"(\d+\.\d+) (\w+)", exposed.splitlines()[-1])[-1]
        yield f"exposure of {Path(unit).name}", " ".join(score)


def run_by_hand(folder: Path) -> Iterator[tuple[str, str]]:
    """Start what systemd would, dial in with a meter, look, stop."""
    unit, port = (unit_of((folder / name[1:]).read_text("utf-8")) for name in UNITS[:2])
    log = folder / "var/log/wattwarden-tried"
    with Service(folder, unit, port) as service:
        service.start(log)
        try:
            yield "READY=1", f"after {service.wait_for('READY=1', 1, READY_LIMIT_S):.1f} s"
            watched = service.wait_for("WATCHDOG=1", 3, READY_LIMIT_S)
            yield "WATCHDOG=1", f"three times within {watched:.0f} s"
            yield from use(folder)
            status = service.stop(STOP_LIMIT_S)
            service.wait_for("STOPPING=1", 1, 1.0)
        except (TimeoutError, subprocess.SubprocessError):
            sys.stderr.write(log.read_text(errors="replace")[-8000:])
            raise
        yield "STOPPING=1", f"exit status {status}"
        missing = ["not booted", "no file system and no namespaces of its own", *service.skipped]
        yield "not as systemd would", "; ".join(missing)
    ready = [line for line in log.read_text().splitlines() if line.startswith(("ready", "sign-in"))]
    first = (re.split(r"  |: ", line)[0][:60] for line in ready)
    yield "said", f"{len(ready)} lines: " + " / ".join(first)


def use(folder: Path) -> Iterator[tuple[str, str]]:
    """Use what runs, by the command that was installed."""
    vectors = f"/{SOURCES}/tests/vectors/acrel.jsonl"
    inside(folder, "wattwarden", "replay", vectors, "--to", "127.0.0.1:10212")
    deadline = time.monotonic() + READY_LIMIT_S
    meters: list[Any] = []
    while not meters and time.monotonic() < deadline:
        told = inside(folder, "wattwarden", "meters", "list", "--json")
        meters = [json.loads(line) for line in told.splitlines()]
    yield "meters that were stored", str(len(meters))
    frame = json.loads((folder / vectors[1:]).read_text().splitlines()[0])
    (folder / SOURCES / "frame").write_text(frame["hex"])
    told = json.loads(inside(folder, "wattwarden", "decode", f"/{SOURCES}/frame", "--json"))
    yield "a frame, decoded", f"{told['kind']} of {told['meter']}"
    fit = json.loads(inside(folder, "wattwarden", "doctor", "--json"))
    wrong = [f"{one['name']}: {one['found']}" for one in fit["checks"] if one["state"] != "ok"]
    yield "doctor", f"fit {fit['fit']}; " + ("; ".join(wrong) or "nothing to say")


def inside(folder: Path, *words: str) -> str:
    """Run a command in the root, in the folder of the sources."""
    ways = {name: text for name, text in os.environ.items() if WAYS_NAMED.match(name)}
    if (folder / TRUSTED_THERE[1:]).exists():
        ways |= dict.fromkeys(TRUSTING, TRUSTED_THERE)
    done = subprocess.run(
        ["chroot", folder, "/bin/sh", "-c", f'cd /{SOURCES} && exec "$@"', "-", *words],
        env={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            # systemctl is not to look for a systemd that runs, and starts nothing.
            "SYSTEMD_OFFLINE": "1",
            **ways,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BLOCK_LIMIT_S,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(f"{done.stdout[-4000:]}{done.stderr[-8000:]}")
        done.check_returncode()
    return done.stdout


def call(*words: str | Path) -> str:
    """Run a command of this machine; return what it says."""
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout


def apart_from_the_network(work: Callable[[], Seen]) -> Seen:
    """Do the work where nothing but this machine itself is reached, and no port is taken."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _leave_the_network()
            seen = work()
            os.write(write, json.dumps(seen).encode())
        except BaseException as error:  # noqa: BLE001  whoever waits is told, and ends with it
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        text = told.read()
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        sys.exit("try_install: it did not run, see above")
    return [(what, found) for what, found in json.loads(text)]


def _leave_the_network() -> None:
    clone_newnet = 0x40000000
    if ctypes.CDLL(None, use_errno=True).unshare(clone_newnet):
        raise OSError(ctypes.get_errno(), "no network of its own")
    with socket.socket() as any_socket:
        wanted = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, wanted))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def record(seen: Sequence[tuple[str, str]]) -> None:
    """Write what was seen at the end of the page."""
    text = PAGE.read_text("utf-8")
    before = text[: text.index(RECORD)]
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    rows = "".join(f"| {what} | {found} |\n" for what, found in seen)
    PAGE.write_text(
        f"{before}{RECORD}\n{when}, `make try-install`:\n\n| | |\n|---|---|\n{rows}", "utf-8"
    )


if __name__ == "__main__":
    main()
