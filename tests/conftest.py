"""Fixtures for every test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import hypothesis
import pytest
from rigs import RigMaker


@pytest.fixture
def rig() -> Iterator[RigMaker]:
    """A maker of real proxies, taken down at the end of the test."""
    with ExitStack() as stack:
        yield RigMaker(stack)


# A busy machine is no failure: how long an example may take is said by the test's own time limit.
hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")
