"""``safety-layer monitor``: the dashboard, in a process of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safety.errors import ConfigError

if TYPE_CHECKING:
    from safety.monitor.settings import MonitorSettings

STORE_VARIABLE = "SAFETY_LAYER_STORE"
DEFAULT_STORE = "safety-events.sqlite"
DEFAULT_LISTEN = "127.0.0.1:8788"


def add_parser(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "monitor",
        help="watch decisions in the browser",
        description="The dashboard: what passes now, trends, every event, policies and health. It reads the"
        " record that proxies write, and never stands in their way.",
    )
    parser.add_argument(
        "--store",
        metavar="STORE",
        help=f"the record, a file or postgresql://… (default: ${STORE_VARIABLE} or {DEFAULT_STORE})",
    )
    parser.add_argument("--listen", metavar="HOST:PORT", help=f"where to listen (default: {DEFAULT_LISTEN})")
    parser.add_argument(
        "--policy",
        metavar="FILE",
        action="append",
        help="a policy file or a shipped policy to show and to try; may be repeated (default: default)",
    )
    parser.add_argument(
        "--alerts", metavar="FILE", help="alert rules to watch for (see examples/alerts.yaml)"
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="the configuration file of `serve`, with its `monitor:` part, instead of the other flags",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    # Imported here: the web framework takes a second to load, which other commands need not wait for.
    from safety.monitor.run import serve

    settings = settings_of(args) if args.config is None else _configured(args)
    return serve(settings, lambda port: _announce(settings, port))


def settings_of(args: argparse.Namespace) -> MonitorSettings:
    """What the flags say. ``ConfigError`` for an address that is none, or one that anybody could reach."""
    from safety.monitor.settings import MonitorSettings

    host, port = _address(args.listen or DEFAULT_LISTEN)
    store = args.store or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
    policies = tuple(args.policy or ("default",))
    return MonitorSettings(store, host=host, port=port, policies=policies, alerts=args.alerts)


def _configured(args: argparse.Namespace) -> MonitorSettings:
    """What the configuration file says."""
    from safety.server.config import dashboard, read_shape

    for flag in ("store", "listen", "policy", "alerts"):
        if getattr(args, flag):
            raise ConfigError(f"--{flag} beside --config: say it in {args.config}")
    settings = dashboard(read_shape(args.config, {}), os.environ, args.config.parent)
    if settings is None:
        raise ConfigError(f"{args.config}: monitor: false: nothing to serve")
    return settings


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ConfigError(f"--listen {text!r}: write HOST:PORT, with a port from 0 (any free one) to 65535")
    return host.strip("[]"), int(port)


def _announce(settings: MonitorSettings, port: int) -> None:
    from safety.events.database import describe

    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(  # noqa: T201
        f"safety-layer monitor on http://{host}:{port}/monitor\nevents in {describe(settings.store)}",
        file=sys.stderr,
        flush=True,
    )
