"""DL/T 645-2007 and DL/T 645-1997 (多功能电能表通信协议): meters that answer when asked.

FE… | 68 | A 6 | 68 | C 1 | L 1 | DATA L, each byte + 33H | CS 1 | 16

A: address, lowest digits first.  C: bit 7 from the meter, bit 6 refused, bit 5 more follows, bits
0–4 the function.  CS: sum of all bytes from the first 68 to the last of DATA.  Numbers are decimal
digits, lowest pair first; the highest bit is the sign where the data item has one.

Sources: DL/T 645-2007 and its tables A, DL/T 645-1997 and its tables; frames of many projects, sums
recomputed.  The year of the standard is told by the function, the tables are data
(``codecs/tables/dlt645_*.csv``); tariffs 1 to 5 are 尖 峰 平 谷 深谷.

Met in the field and accepted: any number of FE, items longer or shorter than their format (shown
as bytes), fill of FF or EE for no data, the AA that ends a block of 1997, texts shorter than their
width.  Registers of past settlements and freezes are shown and give no reading: when they were
taken is not in the frame.

items ─► fields ─► message, readings, explanation          one frame
asking: what to send, and what an answer answers           polling
"""

from typing import Final

from wattwarden.codecs.dlt645.asking import (
    Answer,
    answer_of,
    request,
    request_address,
    request_next,
)
from wattwarden.codecs.dlt645.dialogue import Dlt645Dialogue, acknowledge
from wattwarden.codecs.dlt645.explanation import explain
from wattwarden.codecs.dlt645.frame import OUTLINE, recognise
from wattwarden.codecs.dlt645.functions import KINDS
from wattwarden.codecs.dlt645.message import encode, read
from wattwarden.codecs.dlt645.readings import decode
from wattwarden.protocol.codec import Codec

__all__ = ["CODEC", "Answer", "answer_of", "request", "request_address", "request_next"]

CODEC: Final = Codec(
    name="dlt645",
    title="DL/T 645 多功能电能表通信协议 (2007, 1997)",
    outline=OUTLINE,
    kinds=KINDS,
    recognise=recognise,
    dialogue=Dlt645Dialogue,
    confirm=None,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
    is_datagram=True,
)
