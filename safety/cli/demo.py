"""``safety-layer demo``: a model endpoint, the proxy in front of it, and a tour through both."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safety.server.run import Background


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo", help="see the guard at work: an embedded endpoint, the proxy, a scripted tour"
    )
    parser.add_argument(
        "--once", action="store_true", help="exit after the tour; 0 if all came out as described"
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default="127.0.0.1:8787", help="where the proxy listens"
    )
    parser.add_argument("--store", metavar="FILE", type=Path, help="keep the events here")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve, tour, and stay up for the user's own requests."""
    # Imported here: the web framework takes a second to load, which other commands need not wait for.
    from safety.demo.endpoint import create_endpoint
    from safety.server.app import create_app
    from safety.server.config import EndpointShape, ServeShape, configure
    from safety.server.run import Background

    with tempfile.TemporaryDirectory(prefix="safety-demo-") as folder:
        store = args.store or Path(folder) / "events.sqlite"
        with Background(create_endpoint(delay=0.03), "127.0.0.1", 0) as model:
            shape = ServeShape(
                endpoints=[EndpointShape(name="embedded", url=model.url)],
                policy="rag",
                store=str(store.resolve()),
                listen=args.listen,
                passthrough=["GET /v1/models"],
            )
            configuration = configure(shape, {})
            with Background(create_app(configuration), configuration.host, configuration.port) as proxy:
                right = _tour(proxy, store)
                return _stay(proxy, store) if not args.once else (0 if right else 1)


def _tour(proxy: Background, store: Path) -> bool:
    import httpx

    from safety.demo.tour import TOUR, describe, visit
    from safety.events.event import Event
    from safety.events.query import EventQuery

    all_right = True
    with httpx.Client(base_url=proxy.url, timeout=30) as client:
        for number, stop in enumerate(TOUR, 1):
            seen = visit(client, stop)
            found = EventQuery(store).events(where={"exchange": seen.event_id})
            events = [entry for entry in found if isinstance(entry, Event)]
            print(f"{number}. " + "\n".join(describe(stop, seen, events)) + "\n", flush=True)  # noqa: T201
            all_right &= stop.right(seen)
    return all_right


_CURL = """\
The proxy is at {url} (policy rag, events in {store}). Try it yourself:

  curl {url}/v1/chat/completions -H 'content-type: application/json' -d '{{
    "model": "embedded", "messages": [{{"role": "user", "content":
    "<documents>The office opens at 9.</documents> When does the office open?"}}]}}'

Ctrl-C ends it."""


def _stay(proxy: Background, store: Path) -> int:
    print(_CURL.format(url=proxy.url, store=store), file=sys.stderr, flush=True)  # noqa: T201
    threading.Event().wait()
    return 0
