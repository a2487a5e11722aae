"""What alembic runs to apply the steps: on the connection that ``migrate`` hands over, nowhere else."""

from __future__ import annotations

from alembic import context

from safety.events.migrations import VERSION_TABLE
from safety.events.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
