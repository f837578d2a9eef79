"""One that starts services and hears what they tell, as systemd does."""

import socket
from typing import Self


class Manager:
    """One that hears datagrams, as systemd does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.door.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.door.settimeout(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.door.close()

    def heard(self) -> list[str]:
        """What came since it was last asked, a message each."""
        found = []
        while True:
            try:
                found.append(self.door.recv(4096).decode())
            except BlockingIOError:
                return found
