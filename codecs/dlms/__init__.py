"""DLMS/COSEM (IEC 62056-5-3, -46, -47): meters that push, in HDLC frames or in the TCP wrapper.

DataNotification and EventNotification are read to the last value, get, set and action responses
likewise; what is ciphered or belongs to an association is kept whole.  Pushes want no answer.

Met in the field and accepted: the time of a push with the tag of an octet string before it (Kaifa),
lists without scalers (Kamstrup, Kaifa: the maker's are known), lists without logical names (Kaifa:
the number of values says which list), a single flag between frames, 7E and 7D unescaped in the
data.  In the wrapper nothing proves a frame but its version, its length and the tag of its APDU.

frame ─► moment, data ─► services ─► apdu ─► message, explanation      one frame
                               obis └► lists ─► uploads                many
dialogue: who pushes, segments;  asking: requests
"""

from typing import Final

from wattwarden.codecs.dlms.apdu import OTHER
from wattwarden.codecs.dlms.asking import request
from wattwarden.codecs.dlms.dialogue import DlmsDialogue, acknowledge
from wattwarden.codecs.dlms.explanation import TERMS, explain
from wattwarden.codecs.dlms.frame import OUTLINE, recognise
from wattwarden.codecs.dlms.message import CONTROL_OF_KIND, encode, read
from wattwarden.codecs.dlms.services import KEY_OF_KIND, WHOLE
from wattwarden.codecs.dlms.uploads import decode
from wattwarden.protocol.codec import Codec

__all__ = ["CODEC", "request"]

CODEC: Final = Codec(
    name="dlms",
    title="DLMS/COSEM (IEC 62056)",
    outline=OUTLINE,
    kinds={
        kind: TERMS.get(("kind", kind), kind.replace("_", " "))
        for kind in (*KEY_OF_KIND, *WHOLE.values(), *CONTROL_OF_KIND, OTHER)
    },
    recognise=recognise,
    dialogue=DlmsDialogue,
    confirm=None,
    acknowledge=acknowledge,
    decode=decode,
    read=read,
    encode=encode,
    explain=explain,
)
