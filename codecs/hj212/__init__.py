"""HJ 212 (污染物在线监控系统数据传输标准) of 2005, 2017 and 2025: text over TCP.

## LLLL segment CCCC CR LF     LLLL decimal, bytes of the segment; CCCC its CRC in hex
segment: QN=…;ST=…;CN=…;PW=…;MN=…;Flag=…;[PNUM=…;PNO=…;][RF=1;]CP=&&data&&
data:    DataTime=…;a34004-Rtd=14,a34004-Flag=N;…

Flag: bit 0 an answer is wanted, bit 1 the packet is split, bits 2–7 the version (0: 2005,
1: 2017, 2: 2025).  In 2025 the data may be encrypted (``cipher``); length and CRC are those of the
plain text.  Sources: HJ 212-2017; HJ 212-2025 through open implementations; frames of many
projects, CRCs recomputed.

Met in the field and accepted: lower-case CRC, no CR LF, ``;`` at the end of the data, MN of any
length up to 32, PNO before PNUM and zero-padded, ``,`` between header fields, no QN and no Flag
(2005), GBK text, items cut between the parts of a split packet, ciphertext whose plain tail is
counted but not sent (restored if an earlier item ends so and the checksum agrees).  When a code
repeats in a frame, its first value becomes the reading; ``read`` keeps all.

Where a meter's profile names a password, each of its frames has to carry it as PW; what does not
is neither answered nor read.  Option of a profile: ``ack_cp`` (text, "") is the data of the 9014
that answers an upload; some loggers want ``QnRtn=1;ExeRtn=1``.

header ─► cipher ─► frame ─► plaintext ─► message ─► explanation      one frame
   │                             └─► proof ─► plan ─► uploads         thousands
   └─► answer, parts ─► dialogue                                      answers, split packets
asking: commands
"""

from typing import Final

from wattwarden.codecs.hj212.answer import acknowledge
from wattwarden.codecs.hj212.asking import ask
from wattwarden.codecs.hj212.dialogue import Hj212Dialogue
from wattwarden.codecs.hj212.explanation import explain
from wattwarden.codecs.hj212.frame import OUTLINE, recognise
from wattwarden.codecs.hj212.header import COMMANDS, OTHER
from wattwarden.codecs.hj212.message import encode, read
from wattwarden.codecs.hj212.proof import confirm
from wattwarden.codecs.hj212.routine import routine
from wattwarden.codecs.hj212.uploads import decode
from wattwarden.protocol.codec import Codec

CODEC: Final = Codec(
    name="hj212",
    title="HJ 212 污染物在线监控系统数据传输标准 (2005, 2017, 2025)",
    outline=OUTLINE,
    kinds={command.kind: command.name for command in (*COMMANDS.values(), OTHER)},
    recognise=recognise,
    dialogue=Hj212Dialogue,
    confirm=confirm,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
    routine=routine,
    ask=ask,
)
