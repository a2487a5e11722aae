"""The dashboard and the alerts of ``examples/grafana`` ask for what is really exported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from metric_rigs import CLEAN, FORBIDDEN, Page, application, ask
from upstreams import completion, events, streamed, whole

from safety.server import families
from safety.server.config import ServeShape
from safety.server.families import Family

FOLDER = Path(__file__).parents[2] / "examples" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
EXPRESSIONS = [
    *((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]),
    *((rule["alert"], rule["expr"]) for rule in RULES),
]
SCRAPED = {"job", "instance"}  # what Prometheus puts on every sample
METRIC = re.compile(r"\b(?P<name>safety_\w+)(?:\{(?P<wanted>[^}]*)\})?")
MATCHER = re.compile(r"(\w+)(=~|=)\"([^\"]*)\"")

Exported = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """The labels of every sample, by name, after some traffic of each kind."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("proxy")
        found: Exported = {}
        gone = [{"name": "gone", "url": "http://127.0.0.1:1"}]
        for script, more in (
            (whole(completion("the hidden word")), {}),
            (streamed(events(["One. ", "Two."])), {}),
            (whole(b""), {"endpoints": gone}),
        ):
            url, _ = application(stack, folder, script, **more)
            ask(url, FORBIDDEN)
            ask(url, CLEAN)
            for sample in Page(url).samples:
                found.setdefault(sample.name, []).append(sample.labels)
        yield found


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_every_expression_asks_for_what_there_is(where: str, expression: str, exported: Exported) -> None:
    named = list(METRIC.finditer(expression))
    assert named or expression.startswith("up{")
    labels: set[str] = {*SCRAPED}
    for match in named:
        assert match["name"] in exported, where
        labels |= {name for sample in exported[match["name"]] for name in sample}
        for label, operator, value in MATCHER.findall(match["wanted"] or ""):
            if label in SCRAPED:
                continue
            there = {sample.get(label) for sample in exported[match["name"]]}
            if operator == "=":
                assert value in there, where
            elif "|" in value and "." not in value:
                assert {*value.split("|")} <= there, where
            else:
                assert any(re.fullmatch(value, one or "") for one in there), where
    for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {one.strip() for one in grouped.split(",")} <= labels, where
    assert expression.count("(") == expression.count(")")


def test_every_metric_is_shown_or_watched(exported: Exported) -> None:
    used = " ".join(expression for _, expression in EXPRESSIONS)
    known = [value for value in vars(families).values() if isinstance(value, Family)]
    assert len(known) > 15
    for family in known:
        assert re.search(rf"\b{family.name}(_total|_bucket|_sum|_count)?\b", used), family.name
        assert any(name.startswith(family.name) for name in exported), family.name


def test_the_dashboard_has_what_grafana_needs() -> None:
    assert {"uid", "title", "schemaVersion", "panels", "templating", "time"} <= DASHBOARD.keys()
    assert DASHBOARD["schemaVersion"] >= 36
    assert "id" not in DASHBOARD  # Grafana's own, of one installation
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len({*ids}) == len(ids)
    for panel in PANELS:
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert {"defaults", "overrides"} <= panel["fieldConfig"].keys()
        references = [target["refId"] for target in panel["targets"]]
        assert len({*references}) == len(references) > 0
        used = {name for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])}
        assert {"job"} <= used <= {"job", "__rate_interval", "__range"}
        for target in panel["targets"]:
            shown = {*re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])}
            grouped = re.search(r"\bby \(([^)]*)\)", target["expr"])
            assert shown <= {one.strip() for one in grouped[1].split(",")} if grouped else not shown


def test_no_panel_covers_another_and_all_are_within_the_grid() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert cells
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_alerts_are_rules_that_prometheus_takes() -> None:
    assert ALERTS.keys() == {"groups"}
    assert all(group["name"] and group["rules"] for group in ALERTS["groups"])
    names = [rule["alert"] for rule in RULES]
    assert len({*names}) == len(names)
    for rule in RULES:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"[0-9]+[smhd]", rule.get("for", "0s"))
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            assert label in rule["expr"] or rule["expr"].startswith("up{"), rule["alert"]


def test_prometheus_looks_where_the_metrics_are() -> None:
    told = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    assert all((FOLDER / name).exists() for name in told["rule_files"])
    (job,) = told["scrape_configs"]
    listen = ServeShape.model_fields["listen"].default
    assert job["static_configs"] == [{"targets": [listen]}]
    assert f'job="{job["job_name"]}"' in str(RULES)
