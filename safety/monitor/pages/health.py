"""*Health*: whether everything runs that should: proxies, detectors, record, counts, feed and alerts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from safety.errors import SafetyError
from safety.monitor.desk import Desk, Look, Page

PATIENCE = 2.0  # seconds that a proxy has to answer
MOST = 64 * 1024  # bytes of its answer that are read


@dataclass(frozen=True, slots=True)
class ProxyHealth:
    """What a proxy says of itself, or why it says nothing."""

    url: str
    status: str
    said: dict[str, str]


def page(desk: Desk, look: Look) -> Page:
    """Everything by its own: what cannot be told does not hide the rest."""
    values: dict[str, Any] = {
        "proxies": ask_all(desk.settings.proxies),
        "feed": desk.feed,
        "counting": desk.counting,
        "alerts": None if desk.alerts is None else desk.alerts.status,
        "problem": "",
        "size": None,
        "state": None,
        "failed": [],
        "detectors": [],
    }
    try:
        values |= _record(desk, look)
    except SafetyError as error:
        values["problem"] = str(error)
    return Page("health.html", "Health", "health", values)


def _record(desk: Desk, look: Look) -> dict[str, Any]:
    day = look.now - timedelta(days=1)
    figures = desk.figures
    names = {name.rpartition("|")[0] for name, _ in figures.top("detector_ms", day, look.now, 2000)}
    return {
        "size": desk.records.size(),
        "state": figures.now(look.now),
        "failed": figures.top("failed+ran", day, look.now, 20),
        "lost": figures.top("lost", day, look.now, 10),
        "detectors": [
            (name, figures.percentiles("detector_ms", day, look.now, name)) for name in sorted(names)[:20]
        ],
    }


def ask_all(urls: Sequence[str]) -> list[ProxyHealth]:
    """What every proxy says, asked at once."""
    if not urls:
        return []
    with ThreadPoolExecutor(min(len(urls), 8)) as pool:
        return list(pool.map(ask, urls))


def ask(url: str) -> ProxyHealth:
    """What the proxy at ``url`` says on ``/healthz``."""
    address = f"{url.rstrip('/')}/healthz"
    try:
        # Straight to the proxy: an HTTP proxy of the environment is for the world outside.
        with build_opener(ProxyHandler({})).open(address, timeout=PATIENCE) as answer:
            said = json.loads(answer.read(MOST))
    except HTTPError as error:
        return ProxyHealth(url, "unwell", {"answer": f"status {error.code}"})
    except (URLError, OSError, ValueError) as error:
        return ProxyHealth(url, "unreachable", {"why": str(getattr(error, "reason", error))})
    if not isinstance(said, dict):
        return ProxyHealth(url, "unwell", {"answer": "not what a proxy says"})
    shown = {str(key): str(value) for key, value in said.items() if key != "status" and value is not None}
    return ProxyHealth(url, str(said.get("status", "unknown")), shown)
