"""A streamed answer, guarded sentence by sentence: personal data is taken out before it leaves."""

from collections.abc import Iterator
from pathlib import Path

import safety

POLICY = Path(__file__).with_name("policy.yaml")


@safety.protect(POLICY, prompt="question")
def answer(question: str) -> Iterator[str]:
    """Stands for a model that streams."""
    text = "The order was found. It was paid with card 4111 1111 1111 1111. Anything else?"
    for word in text.split(" "):
        yield word + " "


if __name__ == "__main__":
    for piece in answer("How was my order paid?"):
        print(piece, end="", flush=True)
    print()
