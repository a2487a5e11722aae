"""What somebody does who goes behind the record's back: raw SQL on either kind of store."""

from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from safety.events.place import is_url


@contextmanager
def behind(store):
    """A connection that knows nothing of records; what was done is there afterwards."""
    url = f"sqlite:///{store}" if not is_url(store) else store.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def ask(store, sql, **values):
    with behind(store) as connection:
        return [tuple(row) for row in connection.execute(text(sql), values)]


def do(store, sql, **values):
    with behind(store) as connection:
        return connection.execute(text(sql), values).rowcount


def cut_off(store):
    """Ends every connection to this store that PostgreSQL has, as an administrator can."""
    name = store.partition("application_name=")[2]
    return ask(
        store,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = :name AND pid <> pg_backend_pid()",
        name=name,
    )
