"""Traces and logs, as a collector on loopback gets them over OTLP/HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from metric_rigs import CLEAN, FORBIDDEN, ask, shape
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from otlp import Collector, attributes
from rigs import POLICY, RigMaker
from upstreams import Script, ScriptedUpstream, completion, events, streamed, whole

from safety.detectors.base import Detector, Scope
from safety.errors import ConfigError
from safety.events.event import Event, make_event
from safety.events.memory import MemoryLog
from safety.server.app import create_app
from safety.server.config import configure
from safety.server.run import Background
from safety.server.telemetry import Telemetry
from safety.types import Action, Exchange, Finding, Stage, Verdict

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SAMPLED = 1  # among a traceparent's flags


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, named in the environment."""
    with Collector() as one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", one.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        monkeypatch.setenv("OTEL_BLRP_SCHEDULE_DELAY", "20")
        yield one


class Told:
    """A proxy that tells, what is in front of it and what is behind."""

    def __init__(self, url: str, log: MemoryLog, upstream: ScriptedUpstream) -> None:
        self.url, self.log, self.upstream = url, log, upstream


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Callable[..., Told]]:
    """A maker of whole applications on loopback."""
    with ExitStack() as stack:

        def make(script: Script, **more: Any) -> Told:
            upstream, log = stack.enter_context(ScriptedUpstream(script)), MemoryLog()
            configuration = configure(shape(upstream.url, tmp_path, telemetry="otlp", **more), {})
            served = stack.enter_context(Background(create_app(configuration, log), "127.0.0.1", 0))
            return Told(served.url, log, upstream)

        yield make


Make = Callable[..., Told]


def inside(inner: Span, outer: Span) -> bool:
    return outer.start_time_unix_nano <= inner.start_time_unix_nano and (
        inner.end_time_unix_nano <= outer.end_time_unix_nano
    )


def test_a_request_is_a_span_with_its_stages_and_their_detectors_below(
    proxy: Make, collector: Collector
) -> None:
    one = proxy(whole(completion("the hidden word")))
    answer = ask(one.url, metadata={"conversation_id": "talk-7"}, user="somebody")
    collector.wait(lambda: len(collector.spans) == 5)
    chat = collector.span("chat m")
    assert chat.kind == Span.SPAN_KIND_SERVER
    assert attributes(chat.attributes) == {
        "http.request.method": "POST",
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.conversation.id": "talk-7",
        "safety.exchange": answer.headers["x-safety-event-id"],
        "safety.policy": one.log.events[0].policy,
        "safety.action": "redact",
    }
    for event in one.log.events:
        stage = collector.span(f"guard {event.stage}")
        assert (stage.trace_id, stage.parent_span_id) == (chat.trace_id, chat.span_id)
        assert inside(stage, chat)
        assert lasted(stage) == pytest.approx(event.seconds, abs=1e-6)
        told = attributes(stage.attributes)
        assert told["safety.action"] == str(event.action)
        assert told.get("safety.rules", []) == list(event.rules)
        (run,) = [span for span in collector.spans if span.parent_span_id == stage.span_id]
        assert run.name == "detect blocklist"
        assert inside(run, stage)
        assert lasted(run) == pytest.approx(event.ran[0].ms / 1000, abs=1e-6)
        assert attributes(run.attributes)["safety.detector.outcome"] == "ok"
    assert "somebody" not in str(collector.spans)
    assert {resource["service.name"] for resource in collector.resources} == {"safety-layer"}


def lasted(span: Span) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9


def test_what_was_known_is_no_run_of_a_detector(proxy: Make, collector: Collector) -> None:
    one = proxy(whole(completion("fine")))
    for _ in range(2):
        ask(one.url)
    collector.wait(lambda: collector.names().count("chat m") == 2)
    assert collector.names().count("guard input") == 2
    assert collector.names().count("detect blocklist") == 2  # the first time, of the prompt and the answer


def test_the_clients_trace_goes_on_through_the_proxy_to_the_endpoint(
    proxy: Make, collector: Collector
) -> None:
    one = proxy(whole(completion("fine")))
    body = {"model": "m", "messages": [{"role": "user", "content": CLEAN}]}
    headers = {"traceparent": TRACEPARENT, "tracestate": "vendor=1"}
    httpx.post(f"{one.url}/v1/chat/completions", json=body, headers=headers, timeout=60)
    collector.wait(lambda: "chat m" in collector.names())
    chat = collector.span("chat m")
    assert (chat.trace_id.hex(), chat.parent_span_id.hex()) == (TRACE, PARENT)
    sent = one.upstream.requests[0].headers
    assert sent["traceparent"] == f"00-{TRACE}-{chat.span_id.hex()}-01"  # the flags too are the client's
    assert sent["tracestate"] == "vendor=1"


@pytest.mark.parametrize("header", [None, "nonsense", f"00-{'0' * 32}-{PARENT}-01"])
def test_without_a_clients_trace_one_begins_here(
    proxy: Make, collector: Collector, header: str | None
) -> None:
    one = proxy(whole(completion("fine")))
    body = {"model": "m", "messages": [{"role": "user", "content": CLEAN}]}
    headers = {} if header is None else {"traceparent": header}
    httpx.post(f"{one.url}/v1/chat/completions", json=body, headers=headers, timeout=60)
    collector.wait(lambda: "chat m" in collector.names())
    chat = collector.span("chat m")
    assert not chat.parent_span_id
    sent, flags = one.upstream.requests[0].headers["traceparent"].rsplit("-", 1)
    assert sent == f"00-{chat.trace_id.hex()}-{chat.span_id.hex()}"
    assert int(flags, 16) & SAMPLED


RAW = POLICY + "record: {raw_excerpts: true}\n"


def test_a_violation_is_a_log_record_that_quotes_nothing(
    proxy: Make, collector: Collector, tmp_path: Path
) -> None:
    (tmp_path / "policy.yaml").write_text(RAW)
    one = proxy(whole(completion("fine")))
    ask(one.url)
    assert ask(one.url, FORBIDDEN).status_code == 400
    collector.wait(lambda: len(collector.records) == 1 and collector.names().count("chat m") == 2)
    (record,) = collector.records
    assert (record.event_name, record.severity_text) == ("safety.violation", "WARN")
    assert attributes(record.attributes)["safety.rules"] == ["stop"]
    blocked = one.log.events[-1]
    assert "forbidden" in blocked.hits[0].excerpt
    body = record.body.string_value
    assert Event.from_json(body).id == blocked.id
    assert json.loads(body)["hits"][0]["category"] == "blocklist.stop"
    assert "forbidden" not in body
    stage = next(span for span in collector.spans if span.span_id == record.span_id)
    assert stage.name == "guard input"
    assert stage.trace_id == record.trace_id
    (chat,) = [span for span in collector.spans if span.span_id == stage.parent_span_id]
    assert attributes(chat.attributes)["safety.action"] == "block"
    assert attributes(chat.attributes)["http.response.status_code"] == 400
    assert chat.status.code == Status.STATUS_CODE_UNSET  # the proxy did its work


class Broken(Detector):
    name, version, scope, categories = "broken", "7", Scope.SEGMENT, ("toy",)

    def detect(self, batch: Sequence[Exchange]) -> Sequence[Sequence[Finding]]:
        raise RuntimeError(f"it broke on {batch[0].segments[0].text!r}")


BROKEN = (
    POLICY
    + """  - {id: toys, when: {category: "*"}, action: block}
on_error: annotate
record: {raw_excerpts: true}
"""
)


def test_a_failed_detector_is_an_error_in_the_trace_and_in_the_log(
    rig: RigMaker, collector: Collector
) -> None:
    telemetry = Telemetry(lambda route: route)
    telemetry.start()
    log = MemoryLog()
    one = rig(whole(completion("fine")), BROKEN, [Broken()], telemetry.recorder(log))
    assert ask(one.url).status_code == 200
    collector.wait(lambda: len(collector.records) == 2 and collector.names().count("detect broken") == 2)
    telemetry.close()
    failed = next(span for span in collector.spans if span.name == "detect broken")
    assert failed.status.code == Status.STATUS_CODE_ERROR
    told = attributes(failed.attributes)
    assert (told["error.type"], told["safety.detector.outcome"]) == ("failed", "failed")
    assert told["safety.detector.version"] == "7"
    body = json.loads(collector.records[0].body.string_value)
    (error,) = [run["error"] for run in body["ran"] if run["ran"] == "failed"]
    assert error.startswith("RuntimeError: it broke on ")
    assert CLEAN not in collector.records[0].body.string_value
    assert CLEAN not in str(collector.spans)


def test_a_stream_tells_when_it_began_to_answer(proxy: Make, collector: Collector) -> None:
    one = proxy(streamed(events(["One. ", "Two. ", "Three."])))
    assert "Three." in ask(one.url, stream=True).text
    collector.wait(lambda: "chat m" in collector.names())
    told = attributes(collector.span("chat m").attributes)
    assert told["gen_ai.request.stream"] is True
    assert 0 < told["gen_ai.response.time_to_first_chunk"] <= lasted(collector.span("chat m"))
    assert inside(collector.span("guard output"), collector.span("chat m"))


def test_what_is_no_chat_is_named_by_its_method(proxy: Make, collector: Collector) -> None:
    one = proxy(whole(b"{}"), passthrough=["GET /v1/*"])
    assert httpx.get(f"{one.url}/v1/models").status_code == 200
    assert httpx.post(f"{one.url}/v1/embeddings").status_code == 404
    collector.wait(lambda: {"GET", "POST"} <= {*collector.names()})
    passed, refused = attributes(collector.span("GET").attributes), collector.span("POST")
    assert (passed["http.route"], passed["url.path"]) == ("/v1/*", "/v1/models")
    assert (
        one.upstream.requests[0].headers["traceparent"].split("-")[2] == collector.span("GET").span_id.hex()
    )
    assert "gen_ai.operation.name" not in passed
    assert attributes(refused.attributes)["http.response.status_code"] == 404


def test_an_endpoint_that_is_away_is_an_error(proxy: Make, collector: Collector) -> None:
    one = proxy(whole(b""), endpoints=[{"name": "gone", "url": "http://127.0.0.1:1"}])
    assert ask(one.url).status_code == 502
    collector.wait(lambda: "chat m" in collector.names())
    chat = collector.span("chat m")
    assert chat.status.code == Status.STATUS_CODE_ERROR
    assert attributes(chat.attributes)["error.type"] == "502"


@pytest.mark.parametrize("status", [400, 503])
def test_a_collector_that_refuses_fails_no_request(proxy: Make, collector: Collector, status: int) -> None:
    collector.status = status
    one = proxy(whole(completion("fine")))
    for text in (CLEAN, FORBIDDEN):
        assert ask(one.url, text).status_code == (200 if text is CLEAN else 400)
    collector.wait(lambda: {"/v1/traces", "/v1/logs"} <= {*collector.paths})
    assert ask(one.url).status_code == 200


def test_a_collector_that_hangs_or_is_away_delays_nobody(
    proxy: Make, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector.hang = threading.Event()
    one = proxy(whole(completion("fine")))
    assert ask(one.url).status_code == 200
    collector.wait(lambda: bool(collector.paths))
    assert ask(one.url).status_code == 200  # while the collector has the first in its hands
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert ask(proxy(whole(completion("fine"))).url).status_code == 200


def test_an_event_that_cannot_be_told_is_recorded_and_fails_nothing(
    collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(route: str) -> str:
        raise LookupError(route)

    telemetry, log = Telemetry(lost), MemoryLog()
    record = telemetry.recorder(log)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        record.put(make_event(nothing(), at=datetime.now(UTC)))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    app = FastAPI()
    app.mount("/", telemetry.watched(serve))
    with Background(app, "127.0.0.1", 0) as served:
        assert httpx.get(served.url).status_code == 204
    assert len(log.events) == 1
    assert "event e.input could not be told" in caplog.text


def nothing() -> Verdict:
    return Verdict(Exchange("e", Stage.INPUT, ()), "p@1", Action.ALLOW, Action.ALLOW)


def test_the_environment_says_what_is_sent(
    proxy: Make, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    one = proxy(whole(completion("fine")))
    assert ask(one.url, FORBIDDEN).status_code == 400
    collector.wait(lambda: len(collector.records) == 1)
    assert collector.headers[0]["x-key"] == "secret"
    assert {*collector.paths} == {"/v1/logs"}


def test_what_is_not_sampled_is_not_told_but_violations_are(
    proxy: Make, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    one = proxy(whole(completion("fine")))
    assert ask(one.url).status_code == 200
    assert ask(one.url, FORBIDDEN).status_code == 400
    collector.wait(lambda: len(collector.records) == 1)
    assert not int(one.upstream.requests[0].headers["traceparent"].rsplit("-", 1)[1], 16) & SAMPLED
    assert collector.spans == []


def test_a_name_of_ones_own_is_kept(
    proxy: Make, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front-door")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    ask(proxy(whole(completion("fine"))).url)
    collector.wait(lambda: bool(collector.spans))
    assert collector.resources[0]["service.name"] == "front-door"
    assert collector.resources[0]["deployment.environment.name"] == "test"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: http/protobuf is all"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json", "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "OTEL_TRACES_EXPORTER=jaeger: otlp or none"),
    ],
)
def test_an_environment_that_asks_for_what_there_is_not(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=told):
        Telemetry(lambda route: route)


START = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
BLOCK
from safety.errors import MissingExtra
from safety.events.memory import MemoryLog
from safety.server.app import create_app
from safety.server.config import ServeShape, configure
shape = {"endpoints": [{"name": "e", "url": "http://127.0.0.1:1"}], "policy": sys.argv[1], **GIVEN}
try:
    create_app(configure(ServeShape.model_validate(shape), {}), MemoryLog())
except MissingExtra as error:
    print(error)
heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "safety.server.telemetry")
print([name for name in sys.modules if name.startswith(heavy)])
"""


def started(folder: Path, given: str, block: str = "") -> str:
    (folder / "policy.yaml").write_text(POLICY)
    code = START.replace("GIVEN", given).replace("BLOCK", block)
    command = [sys.executable, "-c", code, str(folder / "policy.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout.strip()


def test_without_telemetry_nothing_of_it_is_imported(tmp_path: Path) -> None:
    assert started(tmp_path, "{}") == "[]"


def test_without_the_extra_the_error_names_it(tmp_path: Path) -> None:
    out = started(tmp_path, '{"telemetry": "otlp"}', "sys.modules['opentelemetry.sdk'] = None")
    assert "not installed: pip install 'content-safety-layer[otel]'" in out
