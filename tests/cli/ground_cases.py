"""An answer and its sources for the tests of ``ground``, under a policy that asks no model."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console

from safety.cli.ground import show
from safety.cli.grounding import Grounding, Source
from safety.cli.main import main
from safety.detectors.groundedness import Groundedness
from safety.detectors.groundedness.detector import GroundednessOptions
from safety.wire.plain import answer_exchange, prompt_exchange

POLICY = """
version: 1
name: facts
detectors: {groundedness: {model: none OPTIONS}}
rules:
  - {id: ungrounded, when: {category: ungrounded, min_score: 0.5}, action: block}
"""
TOWER = "The Eiffel Tower is 330 metres tall and stands in Paris. It was completed on 31 March 1889."
SHOP = "Our shop opens at 9.\n\nRefunds are not available for sale items. Shipping costs $4.99."
WRONG = "The Eiffel Tower is 350 metres tall."
RIGHT = "It was completed on 31 March 1889."
ALIEN = "Penguins swim very well."
ANSWER = f"{WRONG} {RIGHT} {ALIEN}"

Ground = Callable[..., int]


def fill(folder: Path) -> Path:
    """The folder, with two sources and the policy in it."""
    (folder / "tower.txt").write_text(TOWER, encoding="utf-8")
    (folder / "shop.txt").write_text("\ufeff" + SHOP, encoding="utf-8")
    write_policy(folder)
    return folder


def write_policy(folder: Path, options: str = "") -> None:
    (folder / "p.yaml").write_text(POLICY.replace(" OPTIONS", options), encoding="utf-8")


def run(folder: Path, answer: str, *more: str) -> int:
    """The command with both sources and the policy."""
    sources = [f"--source={folder / name}" for name in ("tower.txt", "shop.txt")]
    return main(["ground", f"--answer={answer}", *sources, "--policy", str(folder / "p.yaml"), *more])


def grounding_of(answer: str, *, name: str = "tower.txt", source: str = TOWER) -> Grounding:
    detector = Groundedness(GroundednessOptions(model="none"))
    exchange = answer_exchange(answer, prompt_exchange("", [source], id="x"))
    found = detector.examined(answer, detector.sources(exchange)[1])
    return Grounding(answer, (Source(name, source),), tuple(found))


def printed(grounding: Grounding, **terminal: Any) -> str:
    out = StringIO()
    show(grounding, Console(file=out, highlight=False, **terminal))
    return out.getvalue()
