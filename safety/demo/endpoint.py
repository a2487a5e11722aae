"""A small model endpoint that needs no model: OpenAI chat completions, answered from the documents given.

It quotes the sentences that share most words with the question. The model ``embedded-inventive`` adds, on
purpose, a sentence that no document holds, so that there is something to catch. For the demo, the examples
and the tests; it knows nothing of the guard in front of it.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

HONEST = "embedded"
INVENTIVE = "embedded-inventive"
INVENTION = " It also comes with free worldwide insurance worth 25,000 euros."
UNKNOWN = "I don't know: the documents do not say."
_DOCUMENTS = re.compile(r"<documents>(.*?)</documents>", re.DOTALL)
_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?=\s|\Z)|\Z)")
_WORD = re.compile(r"\w{3,}")
_COMMON = frozenset(
    "the and for are was how does what when which who long can with that this from you your".split()
)


def create_endpoint(delay: float = 0.0) -> FastAPI:
    """The endpoint as an application. ``delay`` is the time between streamed pieces, in seconds."""
    app = FastAPI(openapi_url=None)

    @app.get("/v1/models")
    async def models() -> dict[str, object]:
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in (HONEST, INVENTIVE)]}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        text = reply(body["messages"], body.get("model", HONEST))
        if body.get("stream"):
            return StreamingResponse(_stream(body, text, delay), media_type="text/event-stream")
        return JSONResponse(_completion(body, text))

    return app


def reply(messages: list[dict[str, object]], model: str) -> str:
    """The answer to the last user message, out of the documents in it and in tool messages."""
    question = ""
    documents = []
    for message in messages:
        text = str(message.get("content") or "")
        if message.get("role") == "tool":
            documents.append(text)
        elif message.get("role") == "user":
            documents += _DOCUMENTS.findall(text)
            question = _DOCUMENTS.sub(" ", text)
    answer = " ".join(_best(question, documents)) or UNKNOWN
    return answer + INVENTION if model == INVENTIVE else answer


def _best(question: str, documents: list[str], most: int = 2) -> list[str]:
    asked = _words(question)
    sentences = [s.strip() for document in documents for s in _SENTENCE.findall(document) if s.strip()]
    shared = {i: len(asked & _words(s)) for i, s in enumerate(sentences)}
    chosen = sorted((i for i in shared if shared[i]), key=lambda i: -shared[i])[:most]
    return [sentences[i] for i in sorted(chosen)]


def _words(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _WORD.findall(text)} - _COMMON


def _head(body: dict[str, object], kind: str) -> dict[str, object]:
    return {
        "id": "chatcmpl-embedded",
        "object": kind,
        "created": int(time.time()),
        "model": body.get("model", HONEST),
    }


def _completion(body: dict[str, object], text: str) -> dict[str, object]:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 0, "completion_tokens": len(text.split()), "total_tokens": len(text.split())}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _head(body, "chat.completion") | {"choices": [choice], "usage": usage}


async def _stream(body: dict[str, object], text: str, delay: float) -> AsyncIterator[str]:
    head = _head(body, "chat.completion.chunk")
    for delta, reason in _deltas(text):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        yield f"data: {json.dumps(head | {'choices': [choice]})}\n\n"
        await asyncio.sleep(delay)
    yield "data: [DONE]\n\n"


def _deltas(text: str) -> Iterator[tuple[dict[str, str], str | None]]:
    yield {"role": "assistant", "content": ""}, None
    for piece in re.findall(r"\S+\s*|\s+", text):
        yield {"content": piece}, None
    yield {}, "stop"
