"""Q/GDW 376.1 (用电信息采集系统通信协议, 1376.1): terminals that dial in and report by themselves.

68 | L 2 | L 2 | 68 | C 1 | A1 2 A2 2 A3 1 | AFN 1 | SEQ 1 | { DA 2 DT 2 data } … | AUX | CS 1 | 16

L: low byte first, bits 0–1 the protocol (any is accepted), the others the bytes from C to SEQ, data
and AUX.
C: bit 7 from the terminal, bit 6 it began, bit 5 event counters follow (up), bits 0–3 the function.
A: region in digits, terminal in binary, both low byte first; A3 names who asks.  SEQ: bit 7 a time
stamp follows, bits 6 5 first and last of a series, bit 4 a confirmation is wanted, then the number.
DA DT: bit maps of measuring points and of Fn.  AUX: password (down), event counters (up), stamp.

A meter's address here is its terminal's: four digits of the region and five of A2.  Its measuring
points are channels, ``p1`` and so on; a meter of DL/T 645 behind it, read by transparent
forwarding, is a meter of its own.  Every frame of a series is whole units, and read by itself.

Sources: Q/GDW 376.1-2009 and -2013, appendix A and the tables of AFN 0C and 0D; frames of several
projects, sums recomputed.  What an AFN and Fn carry are tables (``codecs/tables/gdw376_*.csv``).

Met in the field and accepted: passwords of 2 bytes (2004), units cut short behind any part, values
that are no digits (shown as bytes, their unit refused), EE for no data.

Options of a meter's profile: ``confirm`` (text, "F1"); "F3" for terminals that want their unit
back; those by which it is asked stand in ``commands``.

frame ─► layouts ─► units ─► message, readings, explanation
   └─► answers ─► dialogue                        asking: what to send; commands: plans, commands
"""

from typing import Final

from wattwarden.codecs.gdw376.answers import acknowledge, is_awaited
from wattwarden.codecs.gdw376.asking import ask, forward
from wattwarden.codecs.gdw376.commands import questions_of
from wattwarden.codecs.gdw376.dialogue import Gdw376Dialogue
from wattwarden.codecs.gdw376.explanation import explain
from wattwarden.codecs.gdw376.frame import OUTLINE, mend, recognise
from wattwarden.codecs.gdw376.kinds import KINDS
from wattwarden.codecs.gdw376.message import encode, read
from wattwarden.codecs.gdw376.readings import decode
from wattwarden.protocol.codec import Codec

__all__ = ["CODEC", "ask", "forward"]

CODEC: Final = Codec(
    name="gdw376",
    title="Q/GDW 376.1 用电信息采集系统通信协议 (1376.1)",
    outline=OUTLINE,
    kinds=KINDS,
    recognise=recognise,
    dialogue=Gdw376Dialogue,
    confirm=None,
    acknowledge=acknowledge,
    is_awaited=is_awaited,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
    is_datagram=True,
    ask=questions_of,
    mend=mend,
)
