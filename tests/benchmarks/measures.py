"""The figures that are taken from outside: client, proxy and endpoint, each in a process of its own.

Rounds are interleaved (direct, no rules, default, direct, ...) and medians shown, because the machine is
shared: what disturbs one candidate should disturb the others as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from statistics import median

from load import Bodies, Round, measure
from processes import Running, proxy, unrecorded
from report import Cell, Table, of_target
from texts import Mix, Sized, body, single, turns

DIRECT, BARE, DEFAULT = "direct", "no rules", "default"
AT_ONCE = 16
BLOCKED = frozenset({("attack", 400)})


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long. ``seeds`` gives every round texts of its own."""

    candidates: Mapping[str, Running]
    seconds: float
    rounds: int
    folder: Path
    policies: Mapping[str, str]
    seeds: Iterator[int]

    @property
    def proxies(self) -> dict[str, Running]:
        return {name: server for name, server in self.candidates.items() if name != DIRECT}


async def interleaved(
    plan: Plan,
    servers: Mapping[str, Running],
    bodies: Callable[[str], Bodies],
    connections: int = AT_ONCE,
    seconds: float | None = None,
    most: int = 1_000_000,
) -> dict[str, list[Round]]:
    """The rounds of each server."""
    rounds: dict[str, list[Round]] = {name: [] for name in servers}
    for _ in range(plan.rounds):
        for name, server in servers.items():
            limit = plan.seconds if seconds is None else seconds
            rounds[name].append(await measure(server, bodies(name), connections, limit, most))
    return rounds


def middle(rounds: list[Round], figure: Callable[[Round], float]) -> float:
    """The median over rounds."""
    return median(map(figure, rounds))


def p50(taken: Round) -> float:
    return taken.percentile(50)


def p99(taken: Round) -> float:
    return taken.percentile(99)


def refused(rounds: list[Round]) -> Cell:
    """How many answers were not what a clean request gets; nothing where all were."""
    return float(sum(taken.refused(BLOCKED) for taken in rounds)) or None


LOAD_TARGETS = {(BARE, 1, 16): 300.0}


async def load(plan: Plan) -> Table:
    """Requests per second, latency and CPU time of whole answers."""
    table = Table(
        "Whole answers of 1 KB (every prompt and answer is new to the memo)",
        ("prompt", "conn.", "candidate", "req/s", "of direct", "p50 ms", "p99 ms", "p50 added", "p99 added")
        + ("CPU us/request", "target", "of target", "refused"),
        notes=(
            "req/s is bounded by the cores that all three processes share: trust CPU us/request.",
            "With many connections latency is mostly queueing: connections divided by req/s.",
            "refused: clean requests that were not answered with 200, for instance past the deadline.",
        ),
    )
    for size in (1, 16):
        for connections in (1, 16, 64):
            texts = Sized(size * 1024)
            rounds = await interleaved(
                plan, plan.candidates, lambda _, t=texts: t.bodies(next(plan.seeds)), connections
            )
            for name in rounds:
                table.rows.append(_load_row(size, connections, name, rounds))
    return table


def _load_row(size: int, connections: int, name: str, all_rounds: dict[str, list[Round]]) -> list[Cell]:
    rounds, direct = all_rounds[name], all_rounds[DIRECT]
    rps = middle(rounds, lambda taken: taken.rps)
    row: list[Cell] = [f"{size} KB", str(connections), name, rps]
    if name == DIRECT:
        return [*row, "", middle(rounds, p50), middle(rounds, p99), *([None] * 5), refused(rounds)]
    cpu = middle(rounds, lambda taken: taken.cpu_us)
    return [
        *row,
        f"{rps / middle(direct, lambda taken: taken.rps):.3f} x",
        middle(rounds, p50),
        middle(rounds, p99),
        middle(rounds, p50) - middle(direct, p50),
        middle(rounds, p99) - middle(direct, p99),
        cpu,
        *of_target(cpu, LOAD_TARGETS.get((name, size, connections))),
        refused(rounds),
    ]


CHUNKS, FEW_CHUNKS = 50, 10
PER_CHUNK = 60.0


async def streams(plan: Plan) -> Table:
    """Streamed answers."""
    table = Table(
        f"Streams: {CHUNKS} events 5 ms apart after 20 ms, {AT_ONCE} at once",
        ("candidate", "first token ms", "later ms", "one sentence", "of it", "end later ms")
        + ("CPU us/chunk", "one more chunk", "target", "of target", "refused"),
        notes=(
            "later: than direct. one sentence: how long the endpoint takes for it; the guard may hold that.",
            "CPU us/chunk holds the request's own cost; one more chunk is what a longer answer adds.",
        ),
    )

    async def taken(chunks: int) -> dict[str, list[Round]]:
        def bodies(_: str) -> Bodies:
            return (("stream", single(text, stream=True, max_tokens=chunks)) for text in _prompts(plan))

        return await interleaved(plan, plan.candidates, bodies, seconds=30, most=3 * AT_ONCE)

    long, short = await taken(CHUNKS), await taken(FEW_CHUNKS)
    first = {name: 1e3 * middle(rounds, lambda r: median(r.tokens)) for name, rounds in long.items()}
    sentence = 1e3 * middle(long[DIRECT], lambda r: median(r.sentences)) - first[DIRECT]
    for name, rounds in long.items():
        row: list[Cell] = [name, first[name]]
        if name == DIRECT:
            table.rows.append([*row, *([None] * 8), refused(rounds)])
            continue
        later, cpu = first[name] - first[DIRECT], middle(rounds, lambda r: r.cpu_us)
        chunk = (cpu - middle(short[name], lambda r: r.cpu_us)) / (CHUNKS - FEW_CHUNKS)
        end = middle(rounds, p50) - middle(long[DIRECT], p50)
        table.rows.append(
            [*row, later, sentence, f"{later / sentence:.2f} x", end, cpu / CHUNKS, chunk]
            + [*of_target(chunk, PER_CHUNK), refused(rounds)]
        )
    return table


def _prompts(plan: Plan) -> Iterator[str]:
    seed = next(plan.seeds)
    return (f"Tell me more, number {seed} and {number}." for number in count())


async def mix(plan: Plan) -> Table:
    """The realistic mix, whole and by kind."""
    table = Table(
        f"Realistic mix, {AT_ONCE} connections",
        ("traffic", "candidate", "req/s", "p50 ms", "p99 ms", "CPU us/request", "target", "of target")
        + ("attacks blocked", "refused"),
        notes=("refused: requests that are no attacks and were not answered with 200.",),
    )
    every = {name: iter(Mix(1)) for name in plan.proxies}
    rounds = await interleaved(plan, plan.proxies, lambda name: every[name])
    for name, taken in rounds.items():
        table.rows.append(_mix_row("all of it", name, taken, 3000.0 if name == DEFAULT else None))
    for kind in Mix.KINDS:
        alone = {name: iter(Mix(2, kind)) for name in plan.proxies}
        rounds = await interleaved(
            plan, plan.proxies, lambda name, a=alone: a[name], seconds=plan.seconds / 2
        )
        table.rows += [_mix_row(f"{kind} alone", name, taken, None) for name, taken in rounds.items()]
    return table


def _mix_row(traffic: str, name: str, rounds: list[Round], target: float | None) -> list[Cell]:
    cpu = middle(rounds, lambda taken: taken.cpu_us)
    tried = sum(n for taken in rounds for (kind, _), n in taken.answers.items() if kind == "attack")
    stopped = sum(taken.answers["attack", 400] for taken in rounds)
    return [
        traffic,
        name,
        middle(rounds, lambda taken: taken.rps),
        middle(rounds, p50),
        middle(rounds, p99),
        cpu,
        *of_target(cpu, target),
        f"{stopped} of {tried}" if tried else "",
        refused(rounds),
    ]


TURNS = 50
LONGER = 1.2


async def conversation(plan: Plan) -> Table:
    """The last turn of a long conversation against its first."""
    table = Table(
        f"A conversation's turn {TURNS} against turn 1",
        ("candidate", "turn 1 CPU us", f"turn {TURNS} CPU us", "ratio", "target", "of target", "refused"),
        notes=("The turns before have been through the proxy, as they have in a conversation.",),
    )
    first: dict[str, list[Round]] = {name: [] for name in plan.proxies}
    last: dict[str, list[Round]] = {name: [] for name in plan.proxies}
    at_once = 4
    for _ in range(plan.rounds):
        for name, server in plan.proxies.items():
            chats = [turns(Random(next(plan.seeds)), TURNS) for _ in range(60 + at_once)]
            first[name].append(await measure(server, _bodies(chats, 2), at_once, 30))
            await measure(server, _bodies(chats, -2), at_once, 30)
            last[name].append(await measure(server, _bodies(chats, None), at_once, 30))
    for name in plan.proxies:
        early, late = (middle(taken[name], lambda r: r.cpu_us) for taken in (first, last))
        table.rows.append(
            [
                name,
                early,
                late,
                f"{late / early:.2f} x",
                *of_target(late / early, LONGER),
                refused(last[name]),
            ]
        )
    return table


def _bodies(chats: list[list[dict[str, str]]], end: int | None) -> Bodies:
    return (("turn", body(chat[:end])) for chat in chats)


PER_EVENT = 60.0


async def record(plan: Plan) -> Table:
    """The proxy against the same proxy with a record that keeps nothing."""
    table = Table(
        f"The record: on against off, {AT_ONCE} connections, 1 KB",
        ("candidate", "CPU us/request", "without record", "CPU us/event", "target", "of target", "refused"),
        notes=("Two events per request. Without record, events are made but go nowhere.",),
    )
    texts = Sized(1024)
    for name, recorded in plan.proxies.items():
        upstream, policy = plan.candidates[DIRECT].url, plan.policies[name]
        with unrecorded(upstream, policy, plan.folder, name.replace(" ", "-")) as off:
            servers = {"on": recorded, "off": off}
            rounds = await interleaved(plan, servers, lambda _: texts.bodies(next(plan.seeds)))
        on, without = (middle(rounds[which], lambda r: r.cpu_us) for which in servers)
        event = (on - without) / 2
        table.rows.append([name, on, without, event, *of_target(event, PER_EVENT), refused(rounds["on"])])
    return table


TWICE = 1.8


async def workers(plan: Plan) -> Table:
    """Two workers against one."""
    table = Table(
        f"Two workers against one, {AT_ONCE} connections, 1 KB",
        ("candidate", "req/s", "of one", "target", "of target", "CPU us/request", "MB", "refused"),
        notes=(
            "Here the target is a least value. Client and endpoint use the same cores as the workers, so the",
            "ratio stays below 2 even where nothing is shared; on a busy machine it says little.",
        ),
    )
    for name, one in plan.proxies.items():
        with ExitStack() as stack:
            two = stack.enter_context(
                proxy(plan.candidates[DIRECT].url, plan.policies[name], plan.folder, f"two-{name}", workers=2)
            )
            texts = Sized(1024)
            servers = {"1": one, "2": two}
            rounds = await interleaved(plan, servers, lambda _, t=texts: t.bodies(next(plan.seeds)))
            rps = {number: middle(taken, lambda r: r.rps) for number, taken in rounds.items()}
            for number, taken in rounds.items():
                ratio = rps[number] / rps["1"]
                goal: Cell = TWICE if number == "2" else None
                table.rows.append(
                    [f"{name}, {number}", rps[number], f"{ratio:.2f} x", goal]
                    + [f"{ratio / TWICE:.2f} x" if goal else None, middle(taken, lambda r: r.cpu_us)]
                    + [servers[number].memory(), refused(taken)]
                )
    return table
