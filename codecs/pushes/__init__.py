"""What IoT platforms push over HTTP: JSON about meters, other protocols' frames inside.

body ─ json_body ─► object ─ a platform's codec ─► Told … ─► columns
                                     │                └─ carried ─► frames of other codecs
                                     └─ message ─► people

Not a codec: the codecs of the platforms share it.
"""
