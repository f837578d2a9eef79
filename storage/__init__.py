"""Everything that outlives the process: engines, journal, schema, writer, queries, archive.

The only room that speaks to PostgreSQL and to NATS.  Engines that nobody else provides are started
here as our own children (``postgres``, ``nats_server``); the schema is numbered SQL (``schema``)
applied forward by ``migrate``.  What goes wrong below leaves this room as a ``StorageError``
(``errors``) that says whether trying again can help.
"""
