"""Acrel (安科瑞) gateways of the kinds AWT and Anet: 1F1F, XML, encrypted reports of many meters.

1F 1F | type 1 | length 4, high byte first | data     no checksum
01 XML, the proof of who it is   02 XML, sign of life   03 AES(XML)   04 AES(zlib(XML))
F1, F2 "PPAAA|hex": a frame for, or from, the meter AAA on bus PP

A gateway is known once it has answered a sequence with the MD5 of its secret and that sequence; the
secret, 16 letters, is the key of its profile.  Without it, its reports are kept and refused.  A row
has the gateway as its meter and the id of the meter behind it as its channel.

Option of a gateway's profile: ``properties``, as for the codec ``ctwing``, makes quantities of
functions that no table knows; which ids the functions have is configured in the gateway.

Source: one open server with its own documentation; no published capture.

frame ─► texts ─► message               people
  │        └─► dialogue                 proof, time
  └─► secrets ─► texts ─► uploads       readings
"""

from typing import Final

from wattwarden.codecs.acrel_gateway.dialogue import GatewayDialogue, acknowledge
from wattwarden.codecs.acrel_gateway.frame import OUTLINE, recognise
from wattwarden.codecs.acrel_gateway.message import KINDS, encode, explain, read
from wattwarden.codecs.acrel_gateway.uploads import decode
from wattwarden.protocol.codec import Codec

CODEC: Final = Codec(
    name="acrel_gateway",
    title="Acrel gateway 1F1F (安科瑞网关)",
    outline=OUTLINE,
    kinds=KINDS,
    recognise=recognise,
    dialogue=GatewayDialogue,
    confirm=None,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
)
