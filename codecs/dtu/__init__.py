"""DTUs (数据透传终端): the meters behind them answer when asked, over RS-485.

    IMEI | ICCID | configured packet       registration: who the DTU is
    www.usr.cn | configured packet         heartbeat
    [prefix] slave 1 | function 1 | … | CRC 2          Modbus RTU, told by its CRC
    [prefix] FE… 68 | address 6 | 68 | … | CS 1 | 16   DL/T 645, told by its sum

A connection is the DTU that its registration names: the IMEI or ICCID, else the text of the packet
or, of one beyond print, its hex digits.  A DTU that nobody configured is known, asked nothing, and
its frames are kept.  One request is outstanding at a time; a reply is journalled with the request
that it answers, and one that may be the late answer to another is kept without meaning.

Rows of Modbus meters have the DTU's address, their slave as channel; DL/T 645 meters their own
address.

Options of a DTU's profile (``wattwarden meters set dtu:ID --option NAME=VALUE``, JSON):

    meters         [{"slave": 1, "type": "adl400", "channel": "1", "period_s": 60},
                    {"address": "170516665384", "items": ["0001FF00"], "period_s": 300}]
                   type: a map of Modbus registers; items: data items of DL/T 645, by default U, I,
                   P, Q, power factor and energies; period 60 s, channel the slave
    timeout_ms     how long an answer is waited for (3000)
    retries        how often a question is repeated before its meter is left in peace (1)
    registration   the packet by which it registers, where that is not its address: a text, or
                   "hex:0102…"; in a text ``#`` stands for any digit, and who fits is named by what
                   it said
    heartbeats     ["PING", "hex:AA55AA55"]: packets that say nothing
    prefix         what stands before each frame, such as "hex:D8B04CBDD147"; it names the DTU
                   where no registration has

Packets are 4 to 64 bytes, since they have no framing and are found by what they are.

A meter of DL/T 645 behind it is asked by its own address (``dlt645.commands``), one of Modbus as
the DTU's channel (``modbus.commands``).

packets ─► frame ─► site ─► dialogue            asking
                └─► message, explanation, readings
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final

from wattwarden.codecs.dtu.dialogue import DtuDialogue, acknowledge, is_awaited
from wattwarden.codecs.dtu.explanation import explain
from wattwarden.codecs.dtu.frame import claim_of, outline_of
from wattwarden.codecs.dtu.message import KINDS, encode, read
from wattwarden.codecs.dtu.packets import ANY_DIGIT, HEX, Packets, packet_of
from wattwarden.codecs.dtu.readings import decode
from wattwarden.codecs.dtu.site import ask
from wattwarden.protocol.codec import Codec, Profile

__all__ = ["CODEC"]

_Known = tuple[
    frozenset[tuple[bytes, str]], frozenset[bytes], frozenset[tuple[bytes, str]], frozenset[bytes]
]
"""Registrations, heartbeats, prefixes and templates that are configured."""
_NOBODY: Final[_Known] = (frozenset(), frozenset(), frozenset(), frozenset())


def knowing(profiles: Mapping[str, Profile]) -> Codec:
    """Return the codec that knows what the DTUs with these profiles send of their own.

    The same configuration gives the same codec.
    """
    registrations: dict[bytes, str] = {}
    prefixes: dict[bytes, str] = {}
    heartbeats: set[bytes] = set()
    templates: set[bytes] = set()
    for address, profile in sorted(profiles.items()):
        options = profile.options
        said = options.get("registration", address)
        packet = packet_of(said)
        if ANY_DIGIT in packet and not str(said).startswith(HEX):
            templates.add(packet)
        elif packet:
            registrations[packet] = address
        beats = options.get("heartbeats")
        heartbeats.update(map(packet_of, beats if isinstance(beats, list) else ()))
        prefix = packet_of(options.get("prefix"))
        if prefix:
            prefixes[prefix] = address
    heartbeats.discard(b"")
    known = (
        frozenset(registrations.items()),
        frozenset(heartbeats),
        frozenset(prefixes.items()),
        frozenset(templates),
    )
    return CODEC if known == _NOBODY else _codec_of(known)


@lru_cache(2)  # the one in use, and the one before
def _codec_of(known: _Known) -> Codec:
    registrations, heartbeats, prefixes, templates = known
    packets = Packets(dict(registrations), heartbeats, dict(prefixes), templates)
    outline = outline_of(packets)
    return Codec(
        name="dtu",
        title="DTU 透传终端 (Modbus RTU, DL/T 645)",
        outline=outline,
        kinds=KINDS,
        recognise=partial(claim_of, packets, outline),
        dialogue=partial(DtuDialogue, packets),
        confirm=None,
        acknowledge=acknowledge,
        is_awaited=is_awaited,
        decode=decode,
        read=partial(read, packets),
        encode=encode,
        explain=partial(explain, packets),
        knowing=knowing,
        is_opening=True,
        ask=ask,
    )


CODEC: Final = _codec_of(_NOBODY)
