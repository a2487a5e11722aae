"""``safety-layer serve``: the proxy in front of a model endpoint."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safety.errors import ConfigError

if TYPE_CHECKING:
    from safety.server.config import Configuration


# The flag that stands for a key of the configuration file, where its value can be wrong.
_FLAGS = {"endpoints": "--upstream", "listen": "--listen"}


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "serve", help="put the guard in front of a model endpoint"
    )
    parser.add_argument("--upstream", metavar="URL", help="the endpoint's base URL, with or without /v1")
    parser.add_argument("--config", metavar="FILE", type=Path, help="a configuration file instead of flags")
    parser.add_argument(
        "--policy", metavar="FILE", help="a policy file or a shipped policy (default: default)"
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen (default: 127.0.0.1:8787)")
    parser.add_argument(
        "--store",
        metavar="STORE",
        help="the record: a file, or postgresql://USER@HOST/DATABASE (default: $SAFETY_LAYER_STORE or"
        " safety-events.sqlite)",
    )
    parser.add_argument(
        "--api-key-env", metavar="NAME", help="environment variable that holds the endpoint's key"
    )
    parser.add_argument(
        "--passthrough",
        metavar="'METHOD /path'",
        action="append",
        default=[],
        help="also pass this on, unjudged but on record; * stands for anything; may be repeated",
    )
    parser.add_argument("--no-monitor", action="store_true", help="serve no dashboard beside the proxy")
    parser.add_argument("--workers", metavar="N", type=int, default=1, help="processes (default: 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    # Imported here: the web framework takes a second to load, which other commands need not wait for.
    from pydantic import ValidationError

    from safety.server.config import ServeShape, read_shape
    from safety.server.run import serve

    if (args.config is None) == (args.upstream is None):
        raise ConfigError("serve needs either --upstream URL or --config FILE")
    if args.workers < 1:
        raise ConfigError(f"--workers {args.workers}: at least 1 is needed")
    flags = _flags(args)
    try:
        if args.config is None:
            shape, folder = ServeShape.model_validate(flags), Path()
        else:
            shape, folder = read_shape(args.config, flags), args.config.parent
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{_FLAGS[str(first['loc'][0])]} {first['input']!r}: {first['msg']}") from None
    return serve(shape, folder, args.workers, _announce)


def _flags(args: argparse.Namespace) -> dict[str, Any]:
    """What the flags say, in the words of the configuration file. Paths on the command line are relative to
    the working directory, not to the configuration file."""
    from safety.events.place import resolved
    from safety.server.config import policy_in

    flags: dict[str, Any] = {}
    if args.upstream is not None:
        endpoint = {"name": "upstream", "url": args.upstream, "api_key_env": args.api_key_env}
        flags["endpoints"] = [endpoint]
    if args.policy is not None:
        flags["policy"] = policy_in(Path.cwd(), args.policy)
    if args.listen is not None:
        flags["listen"] = args.listen
    store = args.store or os.environ.get("SAFETY_LAYER_STORE")
    if store:
        flags["store"] = resolved(store, Path.cwd())
    if args.no_monitor:
        flags["monitor"] = False
    if args.passthrough:
        flags["passthrough"] = args.passthrough
    return flags


def _announce(configuration: Configuration, port: int, dashboard: int | None) -> None:
    from safety.events.database import describe
    from safety.server.address import printed

    endpoints = ", ".join(endpoint.url for endpoint in configuration.settings.endpoints)
    lines = [
        f"safety-layer on http://{printed(configuration.host, port)} -> {endpoints}",
        f"policy {configuration.policy}, events in {describe(configuration.store)}",
    ]
    if configuration.monitor is not None and dashboard is not None:
        lines.append(f"dashboard on http://{printed(configuration.monitor.host, dashboard)}/monitor")
    print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201
