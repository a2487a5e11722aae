"""The proxy's configuration: a YAML file or the command line's flags, in; ``Configuration``, out.

Same manners as policy files: every mistake at once, each as ``file:line: $.path: what was wrong: what is
allowed``. Secrets never stand in the file: it names environment variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from safety.errors import ConfigError
from safety.policy.layers import SHIPPED, locate
from safety.policy.source import Problems, parse, read_text
from safety.policy.validate import validated
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


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise PydanticCustomError("address", "write HOST:PORT, with a port from 0 (any free one) to 65535")
    return value


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
    """A whole configuration file."""

    endpoints: Annotated[list[EndpointShape], Field(min_length=1)]
    policy: str = "default"
    store: str = "safety-events.sqlite"
    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8787"
    passthrough: list[str] = []
    caps: CapsShape = CapsShape()
    timeouts: TimeoutsShape = TimeoutsShape()


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that ``serve`` needs. ``policy`` is a path or the name of a shipped policy."""

    settings: Settings
    policy: str
    store: str
    host: str
    port: int


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
    host, _, port = shape.listen.rpartition(":")
    settings = Settings(
        endpoints=tuple(_endpoint(endpoint, environ) for endpoint in shape.endpoints),
        passthrough=tuple(shape.passthrough),
        caps=Caps(**shape.caps.model_dump()),
        timeouts=Timeouts(**shape.timeouts.model_dump()),
    )
    return Configuration(
        settings, policy_in(folder, shape.policy), str(folder / shape.store), host.strip("[]"), int(port)
    )


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
