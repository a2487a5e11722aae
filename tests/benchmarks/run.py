"""What the guard costs: ``python tests/benchmarks/run.py``. One run, one machine, everything side by side.

The proxy runs in its own process exactly as ``safety-layer serve`` runs it, between a load generator (this
process) and a model endpoint (another). Loopback only. About eight minutes; ``--quick`` under two, for a
first impression: its figures are coarse.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import uvloop

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent)]  # the project itself, installed or not

import measures  # noqa: E402
from architectures import architectures  # noqa: E402
from pieces import pieces  # noqa: E402
from processes import DidNotStart, endpoint, proxy  # noqa: E402
from report import Table, as_json, machine  # noqa: E402

NO_RULES = "version: 1\nname: no-rules\nrules: []\n"
SECTIONS: dict[str, Callable[[measures.Plan], Awaitable[Table]]] = {
    "load": measures.load,
    "streams": measures.streams,
    "mix": measures.mix,
    "conversation": measures.conversation,
    "record": measures.record,
    "workers": measures.workers,
}
PARTS, ARCHITECTURES = "parts", "architectures"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what the guard costs.")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a round (default: 2)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each candidate (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one round of 0.5 s: under two minutes, coarse")
    parser.add_argument(
        "--only",
        action="append",
        choices=(*SECTIONS, PARTS, ARCHITECTURES),
        help="only this section; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="JSON on standard output, instead of tables")
    given = parser.parse_args()
    if given.quick:
        given.seconds, given.rounds = 0.5, 1
    return given


def main() -> int:
    given = arguments()
    wanted = given.only or [*SECTIONS, PARTS, ARCHITECTURES]
    about, began = machine(), time.monotonic()
    tables: list[Table] = []

    def done(table: Table) -> None:
        tables.append(table)
        if not given.json:
            print(f"\n{table.text()}", flush=True)

    if not given.json:
        print(about, flush=True)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        if set(wanted) & set(SECTIONS):
            plan = _started(given, folder, stack)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                for section in (section for section in SECTIONS if section in wanted):
                    done(runner.run(_section(section, plan)))
        if PARTS in wanted:
            done(pieces(measures.DEFAULT, folder, given.seconds))
        if ARCHITECTURES in wanted:
            done(architectures(given.rounds, folder))
    if given.json:
        print(as_json(about, tables))
    else:
        print(f"\n{time.monotonic() - began:.0f} s")
    return 0


async def _section(section: str, plan: measures.Plan) -> Table:
    return await SECTIONS[section](plan)


def _started(given: argparse.Namespace, folder: Path, stack: ExitStack) -> measures.Plan:
    """The endpoint and the proxies, running until ``stack`` ends."""
    bare = folder / "no-rules.yaml"
    bare.write_text(NO_RULES)
    policies = {measures.BARE: str(bare), measures.DEFAULT: "default"}
    candidates = {measures.DIRECT: stack.enter_context(endpoint(folder))}
    for name, policy in policies.items():
        try:
            upstream = candidates[measures.DIRECT].url
            candidates[name] = stack.enter_context(proxy(upstream, policy, folder, name.replace(" ", "-")))
        except DidNotStart as error:
            print(f"{name} is left out, it did not start: {error}", file=sys.stderr)
    return measures.Plan(candidates, given.seconds, given.rounds, folder, policies, count(1))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (DidNotStart, ConnectionError, TimeoutError) as error:
        sys.exit(f"benchmark stopped: {type(error).__name__}: {error}")
