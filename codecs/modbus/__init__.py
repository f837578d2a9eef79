"""Modbus RTU and Modbus TCP: meters that answer when asked, mostly behind a DTU.

RTU   slave 1 | function 1 | data n | CRC-16/MODBUS 2, low byte first
TCP   transaction 2 | 0000 | length 2 | unit 1 | function 1 | data n

A reply does not say which registers it brings: it means something only with its request and the
type of meter (``Batch.requests``, ``codecs/modbus/maps/*.toml``).  Without them its fields are
shown and it gives no reading.  Values are as the meter has them; transformer ratios are applied by
whoever reads the store.

Nothing in a frame is peculiar to Modbus, and no slave is a meter's name: the port never guesses it.
It stands behind a DTU's registration or at a listener of the gateway that its profile names, and
``decode`` asks it last.

Options of a profile: ``meters``, a list of {"slave": 1, "type": "adl400", "channel": "1",
"period_s": 60}; the channel is the slave where it is not given.  ``framing`` ("tcp"), "rtu" for RTU
over TCP; ``timeout_ms``, ``retries`` as for DTUs; ``peer``, the IP address of the one that is
meant, where several meters share a listener.

Source: MODBUS Application Protocol Specification V1.1b3, MODBUS over Serial Line V1.02, MODBUS
Messaging on TCP/IP V1.0b.

functions ─► frame ─► pdu ─► message, explanation      one frame
maps ─► asking, readings                               what meters hold
"""

from typing import Final

from wattwarden.codecs.modbus.asking import answer, registers, requests
from wattwarden.codecs.modbus.dialogue import ModbusDialogue, acknowledge, ask, is_awaited
from wattwarden.codecs.modbus.explanation import explain
from wattwarden.codecs.modbus.frame import OUTLINE, mend, recognise
from wattwarden.codecs.modbus.functions import KINDS
from wattwarden.codecs.modbus.maps import find_type, type_names
from wattwarden.codecs.modbus.message import encode, read
from wattwarden.codecs.modbus.readings import decode
from wattwarden.protocol.codec import Codec

__all__ = ["CODEC", "answer", "find_type", "registers", "requests", "type_names"]

CODEC: Final = Codec(
    name="modbus",
    title="Modbus RTU, Modbus TCP",
    outline=OUTLINE,
    kinds=KINDS,
    recognise=recognise,
    dialogue=ModbusDialogue,
    confirm=None,
    acknowledge=acknowledge,
    is_awaited=is_awaited,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
    is_guessed=False,
    ask=ask,
    mend=mend,
)
