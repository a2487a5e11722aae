"""Traces and logs for OpenTelemetry, over OTLP/HTTP: where to, how much and how often is for the standard
``OTEL_*`` variables of the environment to say.

A request is a span as the conventions for generative AI have it (``chat MODEL``), with a span for each judged
stage below it, and below that one for each detector that ran. What a rule fired on, and what could not be
judged, is a log record. Both are made of the events that are handed to the record (``Traced``) and sent in
batches by threads of their own: a collector that is slow or away loses spans, and delays nothing.

Only imported when it is asked for: this file alone knows OpenTelemetry (extra ``otel``).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from safety.errors import ConfigError
from safety.events.entry import DetectorRun, Event, Notice
from safety.events.recorder import InFront, Recorder
from safety.server.http import Receive, Scope, Send
from safety.types import Action, Ran

log = logging.getLogger(__name__)

SERVICE = "safety-layer"  # the service's name, unless the environment has another
CLOSE_SECONDS = 3.0  # for what is left to be sent when the server stops
OPERATION, PROVIDER = "chat", "openai"  # the protocol's: which model family answers is not known
VIOLATION = "safety.violation"

App = Callable[[Scope, Receive, Send], Awaitable[None]]
Attributes = dict[str, Any]


class Telemetry:
    """What this process tells. ``route`` gives the pattern that an event's route falls under. ``ConfigError``
    for an environment that asks for what there is not."""

    def __init__(self, route: Callable[[str], str]) -> None:
        self._traces, self._logs = _wanted("TRACES"), _wanted("LOGS")
        try:
            propagate.get_global_textmap()
        except ValueError as error:
            raise ConfigError(f"OTEL_PROPAGATORS: {error}") from None
        self._route = route
        resource = _resource()
        self._spans = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._records = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._tracer = self._spans.get_tracer("safety", _version())
        self._logger = self._records.get_logger("safety", _version())

    def start(self) -> None:
        """Begin to send."""
        if self._traces:
            self._spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        if self._logs:
            self._records.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))

    def close(self) -> None:
        """Send what is left; a collector that is away does not keep the process from ending."""
        sending = threading.Thread(target=self._shut_down, name="telemetry", daemon=True)
        sending.start()
        sending.join(CLOSE_SECONDS)

    def _shut_down(self) -> None:
        self._spans.shutdown()
        self._records.shutdown()

    def recorder(self, recorder: Recorder) -> Recorder:
        """``recorder``, with everything told that is handed to it."""
        return Traced(recorder, self)

    # Requests.

    def watched(self, app: App) -> App:
        """``app``, each of its requests in a span. What it sends on carries that span's ``traceparent``."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            request = self._begin(scope)
            with trace.use_span(request.span, end_on_exit=True, record_exception=False):
                token = _REQUEST.set(request)
                try:
                    await app(request.scope, receive, request.sending(send))
                finally:
                    _REQUEST.reset(token)

        return traced if self._traces else app

    def _begin(self, scope: Scope) -> _Request:
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        span = self._tracer.start_span(
            method,  # until it is known what is asked for
            propagate.extract(carrier),
            SpanKind.SERVER,
            {"http.request.method": method, "url.path": path, "url.scheme": scope["scheme"]},
        )
        return _Request(span, _handed_on(scope, span))

    # Events.

    def tell(self, event: Event) -> None:
        """Tell what an event says: the stage and its detectors in the trace, a violation in the log."""
        now, within, request = time.time_ns(), get_current(), _REQUEST.get()
        if self._traces and (request is None or request.span.is_recording()):
            within = self._tell_stage(event, now)
        if request is not None:
            request.judged(event, self._route(event.labels.get("route", "")))
        if self._logs and _violates(event):
            self._logger.emit(_record(event, within, now))

    def _tell_stage(self, event: Event, now: int) -> Context:
        began = now - _ns(event.seconds)
        span = self._tracer.start_span(f"guard {event.stage}", attributes=_of_stage(event), start_time=began)
        within = trace.set_span_in_context(span)
        for run in event.ran:
            if run.ms or run.ran is not Ran.OK:
                self._tell_run(run, within, began)
        span.end(now)
        return within

    def _tell_run(self, run: DetectorRun, within: Context, began: int) -> None:
        # When within the stage it ran is not on record: all begin with it, and take what they took.
        name, _, number = run.detector.partition("@")
        told = {"name": name, "version": number, "outcome": str(run.ran), "findings": run.findings}
        attributes: Attributes = {f"safety.detector.{key}": value for key, value in told.items()}
        if run.cached:
            attributes["safety.detector.cached"] = run.cached
        span = self._tracer.start_span(f"detect {name}", within, attributes=attributes, start_time=began)
        if run.ran is not Ran.OK:
            span.set_attribute("error.type", str(run.ran))
            span.set_status(Status(StatusCode.ERROR))
        span.end(began + _ns(run.ms / 1000))


class Traced(InFront):
    """A ``Recorder`` that has everything told that is handed to another."""

    def __init__(self, recorder: Recorder, telemetry: Telemetry) -> None:
        super().__init__(recorder)
        self._telemetry = telemetry

    def put(self, entry: Event | Notice) -> Future[None]:
        future = self._recorder.put(entry)
        if isinstance(entry, Event):
            try:
                self._telemetry.tell(entry)
            except Exception:  # it is on record; that nobody could be told is no reason to fail a request
                log.exception("event %s could not be told", entry.id)
        return future


class _Request:
    """The span of one request, and what is learnt of it by and by. ``scope`` is what is served."""

    def __init__(self, span: trace.Span, scope: Scope) -> None:
        self.span, self.scope = span, scope
        self._began = time.perf_counter()
        self._action = Action.ALLOW
        self._streams = False

    def judged(self, event: Event, route: str) -> None:
        """A stage has its event."""
        self._action = max(self._action, event.action)
        attributes: Attributes = {
            "http.route": route.partition(" ")[2] or route,
            "safety.exchange": event.exchange,
            "safety.policy": event.policy,
            "safety.action": str(self._action),
        }
        model = event.labels.get("model")
        if model:
            self.span.update_name(f"{OPERATION} {model}")
            attributes |= {
                "gen_ai.operation.name": OPERATION,
                "gen_ai.provider.name": PROVIDER,
                "gen_ai.request.model": model,
            }
        if conversation := event.labels.get("conversation"):
            attributes["gen_ai.conversation.id"] = conversation
        self.span.set_attributes(attributes)

    def sending(self, send: Send) -> Send:
        """``send``, with an eye on how the answer begins."""
        if not self.span.is_recording():
            return send

        async def seen(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._answered(message["status"], message.get("headers", ()))
            elif self._streams and message.get("body"):
                self._streams = False
                self.span.set_attribute(
                    "gen_ai.response.time_to_first_chunk", time.perf_counter() - self._began
                )
            await send(message)

        return seen

    def _answered(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self.span.set_attribute("error.type", str(status))
            self.span.set_status(Status(StatusCode.ERROR))
        kinds = [value for name, value in headers if name.lower() == b"content-type"]
        self._streams = any(kind.lower().startswith(b"text/event-stream") for kind in kinds)
        if self._streams:
            self.span.set_attribute("gen_ai.request.stream", True)


_REQUEST: ContextVar[_Request | None] = ContextVar("safety_request", default=None)


def _handed_on(scope: Scope, span: trace.Span) -> Scope:
    """The scope with our own trace headers in the place of the client's: the proxy sends on what it got."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier, trace.set_span_in_context(span))
    ours = [(name.lower().encode(), value.encode()) for name, value in carrier.items()]
    names = {*(name for name, _ in ours), b"traceparent", b"tracestate"}
    theirs = [(name, value) for name, value in scope["headers"] if name not in names]
    return {**scope, "headers": [*theirs, *ours]}


def _of_stage(event: Event) -> Attributes:
    attributes: Attributes = {
        "safety.stage": str(event.stage),
        "safety.event.id": event.id,
        "safety.policy": event.policy,
        "safety.action": str(event.action),
        "safety.complete": event.complete,
    }
    if event.would is not event.action:
        attributes["safety.would"] = str(event.would)
    if event.rules:
        attributes |= {"safety.rules": list(event.rules), "safety.categories": list(event.categories)}
    return attributes


def _violates(event: Event) -> bool:
    return event.would > Action.ALLOW or not event.complete


def _record(event: Event, within: Context, now: int) -> LogRecord:
    grave = event.action is Action.BLOCK or not event.complete
    return LogRecord(
        timestamp=now,
        context=within,
        severity_number=SeverityNumber.WARN if grave else SeverityNumber.INFO,
        severity_text="WARN" if grave else "INFO",
        body=_bare(event).to_json(),
        attributes=_of_stage(event),
        event_name=VIOLATION,
    )


def _bare(event: Event) -> Event:
    """The event without what quotes the text; errors are masked, whatever the policy says."""
    return replace(event, hits=tuple(replace(hit, excerpt="", detail="") for hit in event.hits))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _wanted(signal: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a signal is to be sent, as the environment says: by OTLP over HTTP, or not at all."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() or "otlp"
    if exporter not in ("otlp", "none"):
        raise ConfigError(f"OTEL_{signal}_EXPORTER={exporter}: otlp or none")
    name = f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"
    if name not in environ:
        name = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = environ.get(name, "http/protobuf").strip().lower() or "http/protobuf"
    if exporter == "otlp" and protocol != "http/protobuf":
        raise ConfigError(f"{name}={protocol}: http/protobuf is all there is")
    return exporter == "otlp"


def _resource() -> Resource:
    found = Resource.create({"service.version": _version(), "process.pid": os.getpid()})
    if str(found.attributes.get("service.name", "")).startswith("unknown_service"):
        found = found.merge(Resource({"service.name": SERVICE}))
    return found


def _version() -> str:
    try:
        return version("content-safety-layer")
    except PackageNotFoundError:  # run from its source, not installed
        return ""
