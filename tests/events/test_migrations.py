from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from storage import ask

from safety.events import migrations
from safety.events.database import open_engine
from safety.events.migrations import VERSION_TABLE, VERSIONS
from safety.events.schema import REPEATED, events, metadata


def test_the_steps_lead_to_the_schema(store):
    engine = open_engine(store, write=True)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "target_metadata": metadata}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert found == []
    assert ask(store, f"SELECT version_num FROM {VERSION_TABLE}") == [(VERSIONS[-1],)]


def test_every_step_is_named_in_order():
    script = ScriptDirectory(migrations.__path__[0])
    assert tuple(step.revision for step in script.walk_revisions())[::-1] == VERSIONS


def test_columns_beside_the_body_are_in_the_order_in_which_they_are_written():
    assert tuple(column.name for column in events.columns)[5:] == REPEATED


def test_opening_again_changes_nothing(store):
    for _ in range(2):
        open_engine(store, write=True).dispose()
    assert len(ask(store, f"SELECT version_num FROM {VERSION_TABLE}")) == 1
