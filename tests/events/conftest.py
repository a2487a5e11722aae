"""Records to test with: an SQLite file, and a schema of one's own in the PostgreSQL at hand."""

import secrets

import pytest

SERVER = "postgresql://root@127.0.0.1:5432/test"


@pytest.fixture
def postgres():
    """The URL of an empty schema; the test is skipped where PostgreSQL cannot be reached."""
    psycopg = pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    try:
        server = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {SERVER}: {error}")
    name = f"safety_test_{secrets.token_hex(6)}"
    with server:
        server.execute(f"CREATE SCHEMA {name}")
        try:
            yield f"{SERVER}?options=-csearch_path%3D{name}&application_name={name}"
        finally:
            server.execute(f"DROP SCHEMA {name} CASCADE")
    server.close()


@pytest.fixture(params=["file", "postgres"])
def store(request, tmp_path):
    """A record that is not there yet, of either kind."""
    if request.param == "file":
        return str(tmp_path / "events.sqlite")
    return request.getfixturevalue("postgres")
