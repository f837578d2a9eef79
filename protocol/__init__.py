"""The pure core: frames, sessions, envelopes and quantities, without I/O and without a clock.

bytes → Framer → frame → Session → Envelope   (what the gateway does)
Envelope → Batch → codec → Columns            (what the writer does)

Importable on its own: nothing here needs a server, a database or an event loop.
"""
