"""The store of the tests: started once, emptied for each."""

import asyncpg

from wattwarden.storage.engines.postgres import EmbeddedPostgres
from wattwarden.storage.migrate import load_migrations, migrate
from wattwarden.storage.rows.partitions import Partitions

# 2026-11-21 to 23 have partitions always: making one costs more than all else in most tests.
STORE_DAYS = range(20_778, 20_781)
# Deleting a few rows takes a tenth of the time of truncating, and a hundredth of a new database.
# Rows of tables that only grow go without their triggers; tables that others refer to go last.
EMPTY_STORE = """
DO $$
DECLARE name text; guarded boolean; filled boolean;
BEGIN
    FOR name IN SELECT inhrelid::regclass FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent IN ('reading'::regclass, 'factor'::regclass)
        AND relname !~ 'default|2026112[123]'
    LOOP EXECUTE 'DROP TABLE ' || name; END LOOP;
    FOR name, guarded IN SELECT oid::regclass, EXISTS (SELECT FROM pg_trigger
            WHERE tgrelid = c.oid AND NOT tgisinternal) FROM pg_class AS c
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        AND NOT relispartition AND relname <> 'migration'
        ORDER BY (SELECT count(*) FROM pg_constraint WHERE confrelid = c.oid)
    LOOP
        filled := TRUE;
        IF guarded THEN
            EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
        END IF;
        CONTINUE WHEN NOT filled;
        IF guarded THEN EXECUTE 'ALTER TABLE ' || name || ' DISABLE TRIGGER USER'; END IF;
        EXECUTE 'DELETE FROM ' || name;
        IF guarded THEN EXECUTE 'ALTER TABLE ' || name || ' ENABLE TRIGGER USER'; END IF;
    END LOOP;
    INSERT INTO slice_position (slice) SELECT generate_series(0, 31);
    FOR name IN SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'
    LOOP EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART'; END LOOP;
END $$
"""


async def start_with_schema(engine: EmbeddedPostgres, admin_dsn: str) -> None:
    """Start a server that does not wait for the disk, with our schema in it."""
    await engine.start()
    admin = await asyncpg.connect(admin_dsn)
    for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
        await admin.execute(f"ALTER SYSTEM SET {setting}")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()
    connection = await asyncpg.connect(engine.dsn)
    await migrate(connection, load_migrations())
    for table in ("reading", "factor"):
        await Partitions(0).ensure(connection, table, STORE_DAYS)
    await connection.close()
