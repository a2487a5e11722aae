"""Fixtures for every test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from rigs import RigMaker


@pytest.fixture
def rig() -> Iterator[RigMaker]:
    """A maker of real proxies, taken down at the end of the test."""
    with ExitStack() as stack:
        yield RigMaker(stack)
