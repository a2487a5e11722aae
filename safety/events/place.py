"""How a record is named: a path, or a URL. Without loading what is needed to open it."""

from __future__ import annotations

import re
from pathlib import Path

from safety.errors import ConfigError

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


def is_url(store: str | Path) -> bool:
    """Whether ``store`` is a URL rather than a path. ``ConfigError`` for a URL of another kind."""
    found = _URL.match(store) if isinstance(store, str) else None
    if found is not None and found[1] not in _SCHEMES:
        raise ConfigError(f"store: {found[1]}://...: a path, or postgresql://USER@HOST/DATABASE")
    return found is not None


def resolved(store: str, folder: Path) -> str:
    """``store`` as it is when it is a URL; a path relative to ``folder`` otherwise."""
    return store if is_url(store) else str(folder / store)
