"""DL/T 698.45 (面向对象的用电信息数据交换协议): meters and terminals of the grid, over TCP.

68 | L | C | AF SA CA | HCS | APDU | FCS | 16          APDU: service, PIID, OADs and typed data

The meter logs in, sends heartbeats and reports; login and heartbeat are answered at once, a report
(08) and each fragment once the journal has them.  Source: DL/T 698.45-2017; frames of many
projects, checksums recomputed.

Met in the field and accepted: reserved bits of the PIID set, tails that are missing or longer than
the standard's, services of later editions (kept whole), objects of no table.  A record's object
with several attributes has a column for each or one for all, whichever makes the APDU end in its
tail.  Logical addresses, units of one meter, are not told apart.  The plain text of a security
response is read, its MAC is nobody's but the meter's to check.

frame ─► values, data ─► services ─► apdu ─► message, explanation      one frame
                              objects └► contents ─► uploads           many
dialogue: answers, fragments;  asking: requests;  commands: plans, commands
"""

from typing import Final

from wattwarden.codecs.dlt698.apdu import LINK_KINDS, OTHER
from wattwarden.codecs.dlt698.asking import request
from wattwarden.codecs.dlt698.commands import ask
from wattwarden.codecs.dlt698.dialogue import Dlt698Dialogue, acknowledge, is_awaited
from wattwarden.codecs.dlt698.explanation import explain
from wattwarden.codecs.dlt698.frame import OUTLINE, recognise
from wattwarden.codecs.dlt698.message import CONFIRMED, FRAGMENT, encode, read
from wattwarden.codecs.dlt698.objects import TERMS
from wattwarden.codecs.dlt698.services import KEY_OF_KIND
from wattwarden.codecs.dlt698.uploads import decode
from wattwarden.protocol.codec import Codec

__all__ = ["CODEC", "request"]

_OTHERS: Final = {
    **{kind: TERMS["link", str(number)] for number, kind in enumerate(LINK_KINDS)},
    FRAGMENT: "分帧 a piece of an APDU",
    CONFIRMED: "分帧确认 confirmation of a piece",
    OTHER: "其它 a service of another edition",
}

CODEC: Final = Codec(
    name="dlt698",
    title="DL/T 698.45 面向对象的用电信息数据交换协议",
    outline=OUTLINE,
    kinds={**{kind: TERMS["kind", kind] for kind in KEY_OF_KIND}, **_OTHERS},
    recognise=recognise,
    dialogue=Dlt698Dialogue,
    confirm=None,
    acknowledge=acknowledge,
    is_awaited=is_awaited,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
    is_datagram=True,
    ask=ask,
)
