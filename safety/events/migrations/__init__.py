"""How the tables of the record came about: one step per file in ``versions``, run by alembic.

A step is never changed once it was released; what is to be different is another step. ``schema`` says how
the tables look after the last one, and a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

VERSIONS = ("0001",)  # oldest first
VERSION_TABLE = "record_version"


def migrate(connection: Connection) -> None:
    """Bring the tables up to the last version, inside the transaction that ``connection`` is in."""
    # Imported here: most stores need no step, and alembic takes a tenth of a second to load.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, VERSIONS[-1])
