"""A chat completions endpoint as a ``Writer``: for corrections and second opinions on groundedness.

All answers of one call come within one deadline; what does not is a ``Failed`` with its reason, and its
connection is closed: nothing that hangs or trickles takes up room. The endpoint is the operator's own choice:
nothing is sent anywhere unless the policy names it. It keeps no answers and no cookies. Build it after
forking, not before: it has a thread.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import weakref
from collections.abc import Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from safety.detectors.groundedness.writer import Failed, Wanted
from safety.errors import ConfigError

AT_ONCE = 4  # questions on their way at a time
MAX_ANSWER = 64 * 1024  # bytes
MAX_TOKENS = 300


class ChatWriter:
    """A ``Writer`` that asks ``url`` (as in ``http://localhost:8000/v1``) for ``model``. ``key``: the
    environment variable with the key, or nothing. ``seconds``: for all answers of one call together."""

    def __init__(self, url: str, model: str, key: str = "", seconds: float = 5.0) -> None:
        self._url, self._model, self._seconds = _address(url), model, seconds
        # Uncompressed, so that MAX_ANSWER bounds what is read.
        headers = {"content-type": "application/json", "accept-encoding": "identity", **_authorization(key)}
        self._client = httpx.AsyncClient(
            headers=headers,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=None,  # noqa: S113 - each call has its deadline
            limits=httpx.Limits(max_connections=AT_ONCE),
            # No proxies of the environment: what is judged must not go where nobody sent it.
            trust_env=False,
        )
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=_turn, args=(self._loop, self._client), name="chat", daemon=True).start()
        weakref.finalize(self, self._loop.call_soon_threadsafe, self._loop.stop)

    def write(self, wanted: Sequence[Wanted]) -> list[str | Failed]:
        """See ``Writer``."""
        return asyncio.run_coroutine_threadsafe(self._answers(wanted), self._loop).result()

    async def _answers(self, wanted: Sequence[Wanted]) -> list[str | Failed]:
        until = self._loop.time() + self._seconds
        return await asyncio.gather(*(self._answer(one, until) for one in wanted))

    async def _answer(self, one: Wanted, until: float) -> str | Failed:
        messages = [{"role": "system", "content": one.task}, {"role": "user", "content": one.text}]
        body = {"model": self._model, "messages": messages, "temperature": 0, "max_tokens": MAX_TOKENS}
        # In ASCII: a text may hold half a surrogate pair, which has no UTF-8.
        data = json.dumps(body).encode("ascii")
        try:
            async with (
                asyncio.timeout_at(until),
                self._client.stream("POST", self._url, content=data) as reply,
            ):
                if reply.status_code != httpx.codes.OK:
                    return Failed(f"the endpoint answered {reply.status_code}")
                return await _content(reply)
        except TimeoutError:
            return Failed(f"no answer in {self._seconds:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(type(error).__name__)


def _address(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if base.scheme not in ("http", "https") or not base.host:
        raise ConfigError(f"endpoint: {url!r}: allowed are http:// and https:// addresses")
    return base.copy_with(path=f"{base.path.rstrip('/')}/chat/completions")


def _authorization(key: str) -> dict[str, str]:
    if not key:
        return {}
    value = os.environ.get(key, "").strip()
    if not value:
        raise ConfigError(f"endpoint_key: the environment has no {key}: set it, or leave it out")
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(f"endpoint_key: {key} holds no key: allowed are printable ASCII characters")
    return {"authorization": f"Bearer {value}"}


def _turn(loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient) -> None:
    """Serves the calls until the writer is gone."""
    loop.run_forever()
    loop.run_until_complete(client.aclose())
    loop.close()


async def _content(reply: httpx.Response) -> str | Failed:
    data = bytearray()
    async for piece in reply.aiter_raw():
        data += piece
        if len(data) > MAX_ANSWER:
            return Failed(f"an answer of over {MAX_ANSWER} bytes")
    try:
        content = json.loads(data)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return Failed("the endpoint's answer is no chat completion")
    if not isinstance(content, str):
        return Failed("the endpoint's answer holds no text")
    return content.encode("utf-8", "replace").decode("utf-8")  # no half surrogate pairs either
