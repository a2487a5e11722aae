"""The proxy's configuration: a YAML file or the command line's flags, in; ``Configuration``, out.

Same manners as policy files: every mistake at once, each as ``file:line: $.path: what was wrong: what is
allowed``. Secrets never stand in the file: it names environment variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, TypeAdapter
from pydantic_core import PydanticCustomError

from safety.errors import ConfigError
from safety.events.place import resolved
from safety.monitor.settings import MonitorSettings, is_loopback
from safety.policy.layers import SHIPPED, locate
from safety.policy.source import Problems, parse, read_text
from safety.policy.validate import validated
from safety.server.address import address, host_and_port, printed
from safety.server.monitoring import MonitorShape, monitor_settings, secret
from safety.server.proxy import Caps, Settings
from safety.server.upstream import Endpoint, Timeouts

CONFIGURATION = "a configuration is a mapping that begins with 'endpoints:'"

_URL = re.compile(r"https?://[^\s/?#]+[^\s?#]*")


def _url(value: str) -> str:
    try:
        usable = _URL.fullmatch(value) is not None and urlsplit(value).port != 0
    except ValueError:  # a port that is no number or too large, an IPv6 address that is none
        usable = False
    if not usable:
        raise PydanticCustomError("url", "write a URL such as http://127.0.0.1:11434")
    return value


def _where(value: object) -> bool | str | None:
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("where", "write true, false or HOST:PORT")
    return address(value)


Address = Annotated[str, AfterValidator(address)]
Where = Annotated[bool | str | None, PlainValidator(_where, json_schema_input_type=bool | str | None)]
Url = Annotated[str, AfterValidator(_url)]
Count = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class EndpointShape(_Shape):
    """A model endpoint: where it is, the models it serves, and how to prove who we are."""

    name: str
    url: Url
    models: list[str] = []
    api_key_env: str | None = None
    auth: Literal["bearer", "api-key"] = "bearer"
    headers: dict[str, str] = {}


class CapsShape(_Shape):
    """What is taken at most, in bytes (texts: a count)."""

    headers: Count = Caps().headers
    body: Count = Caps().body
    reply: Count = Caps().reply
    segments: Count = Caps().segments


class TimeoutsShape(_Shape):
    """Seconds."""

    connect: Seconds = Timeouts().connect
    read: Seconds = Timeouts().read
    body: Seconds = Timeouts().body


class ServeShape(_Shape):
    """A whole configuration file. ``metrics``: on an address of their own, on the proxy's (``true``), or not
    at all; if nothing is said, on the proxy's where only this machine can reach it. ``telemetry``: traces and
    logs, where the ``OTEL_*`` variables of the environment say. ``fanout``: the Redis through which others
    watch what is recorded. URLs with a password are named by environment variable (``store_env``,
    ``fanout_env``).
    ``monitor``: the dashboard, by default on the port after the proxy's; ``false`` for none."""

    endpoints: Annotated[list[EndpointShape], Field(min_length=1)]
    policy: str = "default"
    store: str = "safety-events.sqlite"
    store_env: str | None = None
    fanout: str | None = None
    fanout_env: str | None = None
    listen: Address = "127.0.0.1:8787"
    passthrough: list[str] = []
    caps: CapsShape = CapsShape()
    timeouts: TimeoutsShape = TimeoutsShape()
    metrics: Where = None
    telemetry: Literal["otlp"] | None = None
    monitor: MonitorShape | Literal[False] = MonitorShape()


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that ``serve`` needs. ``policy`` is a path or the name of a shipped policy; ``metrics``: whether
    things are counted, or the host and port where that can be read if not on the proxy's own."""

    settings: Settings
    policy: str
    store: str
    host: str
    port: int
    metrics: bool | tuple[str, int] = False
    telemetry: bool = False
    fanout: str | None = field(default=None, repr=False)
    monitor: MonitorSettings | None = None


_SHAPE = TypeAdapter(ServeShape)


def read_shape(path: Path, flags: Mapping[str, object]) -> ServeShape:
    """The configuration file at ``path``, with ``flags`` in place of its own keys. Raises ``ConfigError``."""
    problems = Problems()
    text = read_text(path, str(path), problems, "a configuration file")
    tree = None if text is None else parse(text, str(path), path.parent, problems, CONFIGURATION)
    shape = None if tree is None else validated(_SHAPE, tree, problems)
    if shape is None:
        raise ConfigError("\n".join(problems.lines()))
    return ServeShape.model_validate({**shape.model_dump(), **flags})


def configure(shape: ServeShape, environ: Mapping[str, str], folder: Path = Path()) -> Configuration:
    """The configuration that a checked shape stands for. Raises ``ConfigError`` for a secret that is not in
    the environment."""
    host, port = host_and_port(shape.listen)
    settings = Settings(
        endpoints=tuple(_endpoint(endpoint, environ) for endpoint in shape.endpoints),
        passthrough=tuple(shape.passthrough),
        caps=Caps(**shape.caps.model_dump()),
        timeouts=Timeouts(**shape.timeouts.model_dump()),
    )
    return Configuration(
        settings,
        policy_in(folder, shape.policy),
        _store(shape, environ, folder),
        host,
        port,
        _metrics(shape, host),
        shape.telemetry is not None,
        _fanout(shape, environ),
        dashboard(shape, environ, folder),
    )


def dashboard(shape: ServeShape, environ: Mapping[str, str], folder: Path = Path()) -> MonitorSettings | None:
    """The dashboard's settings, if it has any: on this machine only unless the file says where else, on the
    port after the proxy's. Raises as ``configure``; secrets of endpoints are not asked for."""
    monitor = shape.monitor
    if monitor is False:
        return None
    host, port = host_and_port(shape.listen)
    return monitor_settings(
        monitor,
        environ,
        store=_store(shape, environ, folder),
        fanout=_fanout(shape, environ),
        listen=printed(host if is_loopback(host) else "127.0.0.1", port and port + 1),
        policies=tuple(policy_in(folder, name) for name in monitor.policies or [shape.policy]),
        alerts=None if monitor.alerts is None else str(folder / monitor.alerts),
    )


def _store(shape: ServeShape, environ: Mapping[str, str], folder: Path) -> str:
    return secret(shape.store_env, environ, "store_env") or resolved(shape.store, folder)


def _fanout(shape: ServeShape, environ: Mapping[str, str]) -> str | None:
    return secret(shape.fanout_env, environ, "fanout_env") or shape.fanout


def _metrics(shape: ServeShape, host: str) -> bool | tuple[str, int]:
    """Where the metrics can be read. Whoever may use the proxy could read them on its own address, so they
    are there only if that is this machine's alone; and not in the place of an endpoint's own."""
    if isinstance(shape.metrics, str):
        return host_and_port(shape.metrics)
    if shape.metrics and not is_loopback(host):
        raise ConfigError(
            f"metrics: true: every client of {shape.listen} could read them: write an address of their own, "
            "such as 127.0.0.1:9464"
        )
    if shape.metrics is None:
        return is_loopback(host) and "GET /metrics" not in shape.passthrough
    return shape.metrics


def policy_in(folder: Path, policy: str) -> str:
    """The name of a shipped policy as it is; anything else is a path relative to ``folder``."""
    return policy if policy in SHIPPED else str(locate(policy, folder))


def _endpoint(shape: EndpointShape, environ: Mapping[str, str]) -> Endpoint:
    headers = dict(shape.headers)
    if shape.api_key_env is not None:
        secret = environ.get(shape.api_key_env, "")
        if not secret:
            raise ConfigError(
                f"endpoint {shape.name!r}: the environment variable {shape.api_key_env} is not set: "
                "put the endpoint's key there"
            )
        if shape.auth == "bearer":
            headers["authorization"] = f"Bearer {secret}"
        else:
            headers["api-key"] = secret
    return Endpoint(shape.name, shape.url, tuple(headers.items()), tuple(shape.models))
