"""The one way to read as somebody: what a person may see, by the registry as it is entered now."""

from wattwarden.alarms.acting.rights import reaches
from wattwarden.alarms.acting.scope import Read, Reader, reader_of, unread
from wattwarden.alarms.registry.nouns import Agency, Enterprise, Person
from wattwarden.alarms.registry.problems import Problem, RefusedError
from wattwarden.storage.database import Connection
from wattwarden.storage.registry.records import load_kind, load_record, load_some
from wattwarden.storage.system_time import system_now


async def reading_as(connection: Connection, actor: str, read: Read) -> Reader:
    """Return who reads, with what they may see; pages and programs of others read as a person too.

    Raises:
        RefusedError: There is no such person, or this is not for their role.
        StorageError: The database is away.
    """
    person = await load_record(connection, Person, actor)
    if person is None:
        zh, en = f"没有人员{actor}", f"there is no person {actor}"
        raise RefusedError([Problem("person", actor, "", zh, en)])
    against = unread(person, read)
    if against is not None:
        raise RefusedError([Problem(read, "", "", against.zh, against.en)])
    return await reader_for(connection, person)


async def reader_for(connection: Connection, person: Person) -> Reader:
    """Return what a person may see of whatever their role lets them read.

    Raises:
        StorageError: The database is away.
    """
    agencies = {one.id: one for one in await load_kind(connection, Agency)}
    now = await system_now(connection)
    if person.enterprise is not None:
        firms = await load_some(connection, Enterprise, [person.enterprise])
    elif reaches(person, None, agencies):
        firms = []
    else:
        firms = await load_kind(connection, Enterprise)
    return reader_of(person, firms, agencies, now)


async def sees(connection: Connection, person: Person, read: Read, enterprise: str) -> bool:
    """Tell whether a person may see something of one firm: as ``reading_as``, for a single matter.

    Raises:
        StorageError: The database is away.
    """
    if unread(person, read) is not None:
        return False
    firm = await load_record(connection, Enterprise, enterprise)
    agencies = {one.id: one for one in await load_kind(connection, Agency)}
    return reaches(person, None, agencies) or (firm is not None and reaches(person, firm, agencies))
