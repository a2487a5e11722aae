"""The guard over labelled rows: scores, what is flagged, what could not run."""

from __future__ import annotations

import pytest
from toy_harm import POLICY, ToyHarm, bench_of

from safety.measure.rows import Row
from safety.measure.run import BATCH, Result, measure, timed_alone
from safety.types import Action, Origin, Stage


def row(text: str, origin: Origin = Origin.USER, **labels: int) -> Row:
    return Row("a:1", text, origin, labels)


def one(text: str, mode: str = "enforce", **labels: int) -> Result:
    with (bench := bench_of(mode)).guard:
        return bench.judge([row(text, **labels)])[0]


def test_scores_are_the_strongest_of_each_root() -> None:
    result = one("hate=0.6 hate=0.8 violence=0.4")
    assert result.scores == {"hate": 0.8, "rude": 0.0, "violence": 0.4}
    assert one("fine").scores == {"hate": 0.0, "rude": 0.0, "violence": 0.0}


def test_scores_below_the_floor_are_seen_and_flag_nothing() -> None:
    weak = one("hate=0.1", hate=1)
    assert weak.scores["hate"] == 0.1
    # The note has min_score 0, so it would fire on what the floor of 0.3 holds back.
    assert (weak.flagged, weak.action, weak.seen["hate"].action) == (False, Action.ALLOW, Action.ALLOW)
    kept = one("hate=0.3", hate=1)
    assert (kept.flagged, kept.action) == (True, Action.ANNOTATE)


@pytest.mark.parametrize(
    ("text", "labels", "flagged", "action"),
    [
        ("hate=0.7", {}, True, "block"),
        ("hate=0.4", {}, False, "annotate"),  # a note on what nobody asked about
        ("hate=0.4", {"hate": 0}, True, "annotate"),
        ("hate=0.4", {"violence": 1}, False, "annotate"),
        ("violence=0.5", {"violence": 1}, True, "annotate"),
        ("violence=0.5", {"violence.threat": 1}, True, "annotate"),
        ("violence=0.49", {"violence": 1}, False, "allow"),
        ("hate=0.9", {"hate": 1}, False, "allow"),  # excused by an exception
    ],
)
@pytest.mark.parametrize("mode", ["enforce", "monitor"])
def test_flagged(mode: str, text: str, labels: dict[str, int], flagged: bool, action: str) -> None:
    result = one(text, mode, **labels)
    assert (result.flagged, str(result.action)) == (flagged, action)
    line = result.as_json()
    assert (line["flagged"], line["action"], set(line)) == (flagged, action, {"scores", "flagged", "action"})


def test_labels_that_nothing_looks_for_are_not_seen() -> None:
    result = one("hate=0.7", hate=1, sexual=1)
    assert result.labelled == ("hate",)
    assert set(result.seen) == {"hate", "rude", "violence"}


def test_a_row_that_could_not_run_has_no_scores_and_fails_no_neighbour() -> None:
    with (bench := bench_of()).guard:
        results, _ = measure(bench, [row("hate=0.7", hate=1), row("boom", hate=1), row("fine", hate=0)])
    assert [result.flagged for result in results] == [True, None, False]
    line = results[1].as_json()
    assert (line["scores"], line["flagged"], line["action"]) == ({}, None, "block")
    assert line["error"] == "toy_harm@1 failed: RuntimeError: it broke"
    assert results[1].seen == {}


def test_batches_give_every_row_what_it_gets_alone_and_in_order() -> None:
    rows = [row(f"hate={n % 10 / 10}", hate=n % 2) for n in range(3 * BATCH)]
    done: list[int] = []
    with (bench := bench_of()).guard:
        together, timing = measure(bench, rows, done.append)
        alone = [bench.judge([each])[0] for each in rows]
    assert together == alone
    assert sum(done) == len(rows)
    assert (len(timing.milliseconds), timing.batched) == (48, 48)
    assert all(ms > 0 for ms in timing.milliseconds)
    assert timing.seconds > 0


def test_nothing_is_timed_that_was_judged_before() -> None:
    """Models remember texts: a row that had been judged would look faster than it is."""
    rows = [row(f"row-{n}") for n in range(9)]
    with (bench := bench_of()).guard:
        (toy,) = bench.guard.detectors
        assert isinstance(toy, ToyHarm)
        measure(bench, rows)
    first = [texts for n, texts in enumerate(toy.asked) if set(texts).isdisjoint(sum(toy.asked[:n], ()))]
    warm, *alone, batch = first
    assert warm == ("A text to begin with.",)
    assert alone == [("row-0",), ("row-2",), ("row-4",), ("row-6",), ("row-8",)]
    assert batch == ("row-1", "row-3", "row-5", "row-7")


@pytest.mark.parametrize(("count", "alone"), [(1, 1), (2, 1), (5, 3), (400, 200), (401, 134), (9999, 200)])
def test_rows_judged_alone_are_a_spread_sample(count: int, alone: int) -> None:
    chosen = timed_alone(count)
    assert (len(chosen), chosen[0]) == (alone, 0)
    assert count - chosen[-1] <= chosen.step


# --- rows as exchanges ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "stage", "at", "judged_as", "path"),
    [
        ("user", None, "input", "user", "/prompt"),
        ("document", None, "input", "document", "/documents/0"),
        ("assistant", None, "output", "assistant", "/answer"),
        ("tool_call", None, "output", "tool_call", "/text"),
        ("tool_result", None, "input", "tool_result", "/text"),
        ("user", "output", "output", "assistant", "/answer"),
        ("document", "output", "output", "assistant", "/answer"),
        ("assistant", "input", "input", "assistant", "/answer"),
    ],
)
def test_where_texts_are_judged(origin: str, stage: str | None, at: str, judged_as: str, path: str) -> None:
    bench = bench_of(stage=None if stage is None else Stage(stage))
    with bench.guard:
        exchange = bench.exchange(row("x", Origin(origin)))
    (segment,) = exchange.segments
    assert (exchange.stage, segment.origin, segment.path) == (Stage(at), Origin(judged_as), path)


def test_answers_have_what_they_are_compared_with_as_context() -> None:
    answer = Row("a:1", "claim", Origin.ASSISTANT, {"ungrounded": 1}, ("one", "two"), "why")
    with (bench := bench_of()).guard:
        exchange = bench.exchange(answer)
    assert [(s.origin, s.text) for s in exchange.segments] == [(Origin.ASSISTANT, "claim")]
    assert [(str(s.origin), s.text) for s in exchange.context] == [
        ("user", "why"),
        ("document", "one"),
        ("document", "two"),
    ]


def test_a_rule_for_one_stage_makes_no_scores_at_the_other() -> None:
    policy = POLICY.replace("{category: hate}", "{category: hate, stage: input}")
    policy = "\n".join(line for line in policy.splitlines() if "note" not in line and "violence" not in line)
    with (bench := bench_of(policy=policy)).guard:
        said, answered = bench.judge([row("hate=0.7", hate=1), row("hate=0.7", Origin.ASSISTANT, hate=1)])
    assert said.scores == {"hate": 0.7, "rude": 0.0, "violence": 0.0}
    assert (answered.scores, dict(answered.seen)) == ({}, {})
