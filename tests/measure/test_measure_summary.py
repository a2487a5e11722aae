"""Results put together: pools, slices, the identity gap, mistakes and limits."""

from __future__ import annotations

import pytest

from safety.errors import ConfigError
from safety.measure.limits import Limit, check_categories
from safety.measure.rows import Row
from safety.measure.run import Result, Seen, Timing
from safety.measure.summary import Speed, Summary, observe, summarise, worst
from safety.types import Action, Origin

TIMING = Timing((1.0, 2.0, 3.0), 4, 2.0)


def result(label: int, score: float, *, name: str = "hate", group: str = "", source: str = "") -> Result:
    row = Row("a:1", "x", Origin.USER, {name: label}, group=group, source=source)
    action = Action.BLOCK if score >= 0.5 else Action.ALLOW
    return Result(row, action, {name: Seen(score, action)})


def summary_of(*results: Result) -> Summary:
    return summarise("p@1", ["a"], results, TIMING)


def several(labels: dict[str, int], **seen: float) -> Result:
    row = Row("a:1", "x", Origin.USER, labels)
    return Result(row, Action.ALLOW, {name: Seen(score) for name, score in seen.items()})


def test_a_pool_takes_the_most_of_its_members() -> None:
    rows = [
        several({"hate": 0, "violence": 1}, hate=0.2, violence=0.7),
        several({"hate": 0, "sexual": 0}, hate=0.4, sexual=0.1),
        several({"hate": 0}, hate=0.3, violence=0.6),  # nobody said that it is no violence
        several({"sexual": 1}, hate=0.9),  # nothing looks for it
        several({"ungrounded": 1}, hate=0.9, ungrounded=0.9),
    ]
    seen = observe(rows, ("hate", "sexual", "violence", "self_harm"))
    assert seen.labels.tolist() == [True, False, False]
    assert seen.scores.tolist() == [0.7, 0.4, 0.6]
    summary = summary_of(*rows)
    assert list(summary.cards) == ["hate", "sexual", "violence", "harm", "ungrounded"]
    assert summary.cards["harm"].figures["auc"].value == 1.0
    assert summary.cards["hate"].observed.n == 3
    assert summary.not_looked_for == {"sexual": 1}


def test_attack_pools_both_surfaces() -> None:
    summary = summary_of(result(1, 0.6, name="prompt_attack"), result(0, 0.7, name="indirect_attack"))
    assert list(summary.cards) == ["prompt_attack", "indirect_attack", "attack"]
    assert summary.figure("attack", "auc").value == 0.0
    assert summary.figure("prompt_attack", "auc").value is None
    assert summary.figure("attack", "recall").value == 1.0


def test_rows_that_could_not_run_are_in_no_figure() -> None:
    failed = Result(Row("a:2", "x", Origin.USER, {"hate": 1}), Action.BLOCK, {}, "it broke")
    summary = summary_of(result(1, 0.6), result(0, 0.1), failed)
    assert summary.cards["hate"].observed.n == 2
    assert summary.not_looked_for == {}
    assert summary.as_json()["could_not_run"] == [{"row": "a:2", "error": "it broke"}]


def test_slices_hold_their_own_rows() -> None:
    summary = summary_of(result(1, 0.6, source="b"), result(0, 0.7, source="b"), result(0, 0.1, source="a"))
    assert list(summary.slices) == ["source"]
    by_source = summary.slices["source"]
    assert [(name, cards["hate"].observed.n) for name, cards in by_source.items()] == [("a", 1), ("b", 2)]
    assert by_source["b"]["hate"].figures["fpr"].value == 1.0
    assert by_source["a"]["hate"].figures["auc"].value is None


def group(name: str, alarms: int, negatives: int) -> list[Result]:
    return [result(0, 0.9 if n < alarms else 0.1, group=name) for n in range(negatives)]


def test_the_identity_gap_is_of_groups_with_enough_negatives() -> None:
    rows = [*group("a", 2, 20), *group("b", 10, 40), *group("c", 19, 19), *group("d", 3, 30)]
    gap = summary_of(*rows, result(1, 0.9, group="a")).gaps["hate"]
    assert (gap.value, gap.lowest, gap.highest, gap.groups) == (pytest.approx(0.15), "a", "b", 3)
    assert summary_of(*group("a", 2, 20), *group("c", 19, 19)).gaps == {}


def test_the_worst_mistakes() -> None:
    rows = [result(n % 2, n / 10) for n in range(10)]
    found = worst(rows, "hate", 2)
    assert [score for score, _ in found.alarms] == [0.8, 0.6]
    assert [score for score, _ in found.misses] == [0.1, 0.3]
    assert worst([result(0, 0.0)], "hate", 5).alarms == ()  # without a score it is no mistake


def test_speed() -> None:
    speed = Speed.of(TIMING)
    assert (speed.rows_per_second, speed.sampled, speed.mean, speed.p50) == (2.0, 3, 2.0, 2.0)
    assert 2.0 < speed.p95 < speed.p99 < 3.0
    assert Speed.of(Timing((1.0,), 0, 0.0)).rows_per_second is None


# --- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("hate.recall>=0.5", None),
        ("hate.recall >= 0.5", None),
        ("hate.recall>=0.51", "hate.recall>=0.51: it is 0.5"),
        ("hate.fpr<=0", "hate.fpr<=0: it is 1"),
        ("hate.fpr<=1e0", None),
        ("hate.identity_gap<=0.1", "hate.identity_gap<=0.1: cannot be computed from these rows"),
        ("violence.auc>=0", "violence.auc>=0: cannot be computed from these rows"),
    ],
)
def test_limits(text: str, broken: str | None) -> None:
    summary = summary_of(result(1, 0.6), result(1, 0.2), result(0, 0.7))
    assert Limit.parse(text).broken(summary) == broken


def test_a_limit_on_the_identity_gap() -> None:
    summary = summary_of(*group("a", 2, 20), *group("b", 10, 20))
    assert Limit.parse("hate.identity_gap<=0.4").broken(summary) is None
    assert Limit.parse("harm.identity_gap<=0.39").broken(summary) == "harm.identity_gap<=0.39: it is 0.4"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hate.recall", "not a limit: CATEGORY.METRIC>=VALUE"),
        ("hate.recall=0.5", "not a limit"),
        ("recall>=0.5", "not a limit"),
        ("hate.recal>=0.5", "no metric 'recal': one of auc,"),
        ("hate.recall>=many", "'many' is no number"),
        ("hate.recall>=nan", "'nan' is no number"),
    ],
)
def test_what_is_no_limit(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        Limit.parse(text)
    assert said in str(error.value)


def test_dotted_categories_have_limits_too() -> None:
    limit = Limit.parse("pii.EMAIL_ADDRESS.recall>=0.5")
    assert (limit.category, limit.metric) == ("pii.EMAIL_ADDRESS", "recall")
    check_categories([limit], ["pii.EMAIL_ADDRESS"])
    with pytest.raises(ConfigError, match=r"no category 'pii\.EMAIL_ADDRESS': one of hate"):
        check_categories([limit], ["hate"])
