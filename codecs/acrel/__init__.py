"""Acrel (安科瑞) meters on 4G, 2G and NB-IoT: the private protocol 7B7B … 7D7D.

7B 7B | command 1 | body n | CRC 2 | 7D 7D     CRC-16/MODBUS over command and body, low byte first
body of an upload:  [serial 20]  { 5B5B address 2828 payload 2929 5D5D } …
payload:            a Modbus RTU reply with its own CRC; its size selects the layout

Source: six independent servers and thirteen frames from the field, all CRCs recomputed.  Values are
secondary ones; transformer ratios are applied by whoever reads the store.

Options of a meter's profile: ``power_scale_w`` (1) is how many watts one count of the power
registers of the 0x60 and 0x90 blocks stands for; no source states it, both 1 and 10 are met.  Where
a profile names a SIM card, the meter is known once it registers with that card, and not before.

frame ─► layouts ─► sections ─► message ─► explanation      one frame
   │                    └─► builds ─► uploads               thousands
   └─► dialogue ─► routine                                  answers, and where none is due at once
asking: commands
"""

from typing import Final

from wattwarden.codecs.acrel.asking import ask
from wattwarden.codecs.acrel.dialogue import AcrelDialogue, acknowledge
from wattwarden.codecs.acrel.explanation import explain
from wattwarden.codecs.acrel.frame import KINDS, OUTLINE, recognise
from wattwarden.codecs.acrel.message import encode, read
from wattwarden.codecs.acrel.routine import routine
from wattwarden.codecs.acrel.uploads import decode
from wattwarden.protocol.codec import Codec

CODEC: Final = Codec(
    name="acrel",
    title="Acrel 7B7B (安科瑞 4G/NB)",
    outline=OUTLINE,
    kinds=KINDS,
    recognise=recognise,
    dialogue=AcrelDialogue,
    confirm=None,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
    routine=routine,
    is_datagram=True,
    ask=ask,
)
