"""The guard: runs the detectors a policy needs, decides, and records. Every door calls this one.

It alone runs detectors and makes events. It has a clock and threads; deciding (``policy.model``), cutting
streams (``gate``) and remembering (``memo``) are elsewhere and have none.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from safety.detectors.base import Detector
from safety.detectors.registry import load_registry
from safety.errors import StoreError
from safety.evaluation import Evaluation
from safety.events.event import make_event
from safety.events.recorder import Recorder
from safety.memo import Memo
from safety.plan import plan
from safety.policy.detectors import build
from safety.policy.file import load_policy
from safety.policy.model import Policy, decide
from safety.pool import Pool
from safety.runner import Check, Run
from safety.stream import AsyncStream, Stream
from safety.types import Action, Exchange, Finding, Hit, Outcome, Ran, Stage, Verdict
from safety.wire.plain import answer_exchange, messages_exchange, prompt_exchange

RECORD = "record@1"  # the outcome that stands for the event store
PROXY, PROTECT = "proxy", "protect"  # rules and detectors of what a door does by itself
DURABLE_SECONDS = 5.0  # how long a blocked request waits for its event before the record counts as failed


def new_id() -> str:
    """A fresh exchange id: 128 random bits, hex."""
    return os.urandom(16).hex()


class Guard:
    """One policy with its detectors, memo and workers. Safe to share between threads and event loops.

    ``recorder`` gets one event per stage; without one nothing is recorded. ``memo`` and ``pool`` may be
    shared with other guards.
    """

    def __init__(
        self,
        policy: Policy,
        detectors: Sequence[Detector] = (),
        *,
        recorder: Recorder | None = None,
        memo: Memo | None = None,
        pool: Pool | None = None,
    ) -> None:
        self.policy = policy
        self.detectors = tuple(detectors)
        self.recorder = recorder
        self.memo = Memo() if memo is None else memo
        self._plans = plan(policy, detectors)
        self._checks = {d.name: Check(d, self._timeout(d)) for d in detectors}
        self._pool = Pool() if pool is None else pool
        self._owns_pool = pool is None

    def _timeout(self, detector: Detector) -> float:
        config = self.policy.detectors.get(detector.name)
        return self.policy.deadline if config is None or config.timeout is None else config.timeout

    @classmethod
    def from_policy(cls, path: str | Path, *, recorder: Recorder | None = None) -> Self:
        """The guard of a policy file, or of a shipped policy by name. Raises ``PolicyError``."""
        registry = load_registry()
        policy = load_policy(path, registry).policy
        return cls(policy, build(policy, registry), recorder=recorder)

    @property
    def judges_answers(self) -> bool:
        """Whether any detector runs on answers."""
        return bool(self._plans[Stage.OUTPUT].tasks)

    # Judging: outcomes and a verdict, no record.

    def judge(
        self, exchanges: Sequence[Exchange], *, remember: bool = True, growing: bool = False
    ) -> list[Verdict]:
        """The verdicts, in order; waits for the detectors. ``remember``: use the memo. ``growing``: these are
        windows of a stream, so detectors also say where a finding may have begun that is not complete."""
        began = time.perf_counter()
        evaluation = self._evaluation(exchanges, remember, growing)
        if evaluation.steps:
            woken = threading.Event()
            run = self._run(evaluation, woken.set)
            while (seconds := run.remaining()) is not None:
                woken.wait(seconds)
                woken.clear()
                run.expire()
        return self._verdicts(evaluation, time.perf_counter() - began)

    async def ajudge(
        self, exchanges: Sequence[Exchange], *, remember: bool = True, growing: bool = False
    ) -> list[Verdict]:
        """``judge`` without blocking the event loop."""
        began = time.perf_counter()
        evaluation = self._evaluation(exchanges, remember, growing)
        if evaluation.steps:
            loop = asyncio.get_running_loop()
            woken = asyncio.Event()
            run = self._run(evaluation, lambda: _wake(loop, woken))
            while (seconds := run.remaining()) is not None:
                timer = loop.call_later(seconds, woken.set)
                await woken.wait()
                timer.cancel()
                woken.clear()
                run.expire()
        return self._verdicts(evaluation, time.perf_counter() - began)

    def _evaluation(self, exchanges: Sequence[Exchange], remember: bool, growing: bool) -> Evaluation:
        memo = self.memo if remember else None
        return Evaluation(self._plans, self._checks, exchanges, memo, growing=growing)

    def _run(self, evaluation: Evaluation, wake: Callable[[], None]) -> Run:
        seconds = self.policy.deadline * len(evaluation.exchanges)
        return Run(self._pool, evaluation.steps, seconds, wake)

    def _verdicts(self, evaluation: Evaluation, seconds: float) -> list[Verdict]:
        return [
            replace(self.decide(exchange, outcomes), seconds=seconds)
            for exchange, outcomes in zip(evaluation.exchanges, evaluation.outcomes(), strict=True)
        ]

    def decide(
        self,
        exchange: Exchange,
        outcomes: Sequence[Outcome],
        *,
        enforce: bool = True,
        facts: Sequence[Hit] = (),
    ) -> Verdict:
        """What the policy says of these outcomes today; a record that cannot be kept is one of them."""
        trouble = None if self.recorder is None else self.recorder.trouble()
        if trouble is not None:
            outcomes = [*(o for o in outcomes if o.detector != RECORD), _no_record(trouble)]
        today = datetime.now(UTC).date()
        return decide(self.policy, exchange, outcomes, today=today, enforce=enforce, facts=facts)

    # Checking: judging with one event per verdict.

    def check(self, exchange: Exchange) -> Verdict:
        """Judge and record one exchange."""
        return self.check_batch((exchange,))[0]

    async def acheck(self, exchange: Exchange) -> Verdict:
        """``check`` without blocking the event loop."""
        (verdict,) = await self.ajudge((exchange,))
        return await self.arecord(verdict)

    def check_batch(self, exchanges: Sequence[Exchange]) -> list[Verdict]:
        """Judge and record several; each gets the verdict it would get alone."""
        return [self.record(verdict) for verdict in self.judge(exchanges)]

    def record(self, verdict: Verdict) -> Verdict:
        """Put the verdict on record. Waits until its event is durable if something is held back, or if events
        come too fast; if that fails, the verdict says so and ``on_error`` decides anew."""
        durable = self._put(verdict)
        if durable is None:
            return verdict
        try:
            durable.result(DURABLE_SECONDS)
        except (StoreError, TimeoutError) as error:
            return self._unrecorded(verdict, error)
        return verdict

    async def arecord(self, verdict: Verdict) -> Verdict:
        """``record`` without blocking the event loop."""
        durable = self._put(verdict)
        if durable is None:
            return verdict
        try:
            await asyncio.wait_for(asyncio.wrap_future(durable), DURABLE_SECONDS)
        except (StoreError, TimeoutError) as error:
            return self._unrecorded(verdict, error)
        return verdict

    def _put(self, verdict: Verdict) -> Future[None] | None:
        if self.recorder is None:
            return None
        event = make_event(verdict, at=datetime.now(UTC), raw_excerpts=self.policy.raw_excerpts)
        durable = self.recorder.put(event)
        wait = verdict.action >= Action.REDACT or self.recorder.behind()
        return durable if wait else None

    def _unrecorded(self, verdict: Verdict, error: Exception) -> Verdict:
        outcomes = [o for o in verdict.outcomes if o.detector != RECORD]
        facts = [hit for hit in verdict.hits if hit.rule in (PROXY, PROTECT)]
        outcomes.append(_no_record(str(error) or "not durable in time"))
        today = datetime.now(UTC).date()
        again = decide(self.policy, verdict.exchange, outcomes, today=today, facts=facts)
        return replace(again, seconds=verdict.seconds)

    async def anote(self, exchange: Exchange, action: Action, category: str, why: str) -> Verdict:
        """Put on record what happened to an exchange without being judged: refused as unreadable, passed
        through by configuration, broken off. ``why`` must not quote its text."""
        fact = Hit(PROXY, action, Finding(PROXY, category, evidence=why))
        return await self.arecord(self.decide(exchange, (), facts=(fact,)))

    # Streams.

    def stream(self, request: Exchange, choices: int = 1) -> Stream[Any]:
        """The gate for a streamed answer to ``request``, driven by the caller."""
        return Stream(self, request, choices)

    def astream(self, request: Exchange, choices: int = 1) -> AsyncStream[Any]:
        """``stream`` for the event loop."""
        return AsyncStream(self, request, choices)

    # Plain values.

    def check_prompt(
        self, text: str, *, documents: object = (), labels: Mapping[str, str] | None = None
    ) -> Verdict:
        """The verdict on a prompt and the documents that go with it: a text, an object or dict with
        ``page_content``, ``text`` or ``content``, or a list of these. ``TypeError`` for anything else."""
        return self.check(self._prompt(text, documents, labels))

    async def acheck_prompt(
        self, text: str, *, documents: object = (), labels: Mapping[str, str] | None = None
    ) -> Verdict:
        """``check_prompt`` without blocking the event loop."""
        return await self.acheck(self._prompt(text, documents, labels))

    def _prompt(self, text: str, documents: object, labels: Mapping[str, str] | None) -> Exchange:
        return prompt_exchange(text, documents, id=new_id(), labels=labels or {}, marks=self.policy.documents)

    def check_answer(
        self,
        answer: str,
        *,
        prompt: str | None = None,
        documents: object = (),
        labels: Mapping[str, str] | None = None,
    ) -> Verdict:
        """The verdict on an answer, given what it answers and from which documents (as for
        ``check_prompt``)."""
        return self.check(self._answer(answer, prompt, documents, labels))

    async def acheck_answer(
        self,
        answer: str,
        *,
        prompt: str | None = None,
        documents: object = (),
        labels: Mapping[str, str] | None = None,
    ) -> Verdict:
        """``check_answer`` without blocking the event loop."""
        return await self.acheck(self._answer(answer, prompt, documents, labels))

    def _answer(
        self,
        answer: str,
        prompt: str | None,
        documents: object,
        labels: Mapping[str, str] | None,
    ) -> Exchange:
        return answer_exchange(answer, self._prompt("" if prompt is None else prompt, documents, labels))

    def check_messages(
        self, messages: Sequence[Mapping[str, object]], *, labels: Mapping[str, str] | None = None
    ) -> Verdict:
        """The verdict on OpenAI-style messages, as the proxy would give it on the same request."""
        return self.check(self._messages(messages, labels))

    async def acheck_messages(
        self, messages: Sequence[Mapping[str, object]], *, labels: Mapping[str, str] | None = None
    ) -> Verdict:
        """``check_messages`` without blocking the event loop."""
        return await self.acheck(self._messages(messages, labels))

    def _messages(
        self, messages: Sequence[Mapping[str, object]], labels: Mapping[str, str] | None
    ) -> Exchange:
        return messages_exchange(messages, id=new_id(), labels=labels or {}, marks=self.policy.documents)

    def close(self) -> None:
        """Let the workers go. A recorder or pool that was handed in is its owner's to close."""
        if self._owns_pool:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _no_record(why: str) -> Outcome:
    return Outcome(RECORD, ran=Ran.FAILED, error=why)


def _wake(loop: asyncio.AbstractEventLoop, woken: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(woken.set)
    except RuntimeError:
        # The loop was closed while a detector was running: nobody waits for it any more.
        return
