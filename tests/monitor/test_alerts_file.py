"""Files of alerts: what they mean, and how mistakes are told."""

import json
import typing
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.errors import ConfigError
from safety.events.entry import DetectorRun, Event, RuleHit
from safety.monitor.alerts.file import (
    COUNTED,
    KEYS_OF_MEASURE,
    KEYS_OF_TYPE,
    NEW,
    alerts_from_text,
    load_alerts,
    variables,
)
from safety.monitor.alerts.rules import Bound, Condition, Email, Measure, Webhook
from safety.monitor.alerts.shape import MeasureName
from safety.monitor.alerts.state import state_file
from safety.monitor.dimensions import tally
from safety.types import Action, Ran, Stage

EXAMPLE = Path(__file__).parents[2] / "examples" / "alerts.yaml"
LOG = "destinations: [{id: log, type: log}]\n"


def file(when="measure: count, above: 1", more="", destinations=LOG):
    return f"version: 1\n{destinations}alerts:\n  - id: a\n    when: {{{when}}}\n{more}"


def condition(when):
    (one,) = alerts_from_text(file(when)).rules
    return one.when


def problems(text):
    with pytest.raises(ConfigError) as caught:
        alerts_from_text(text, "alerts.yaml")
    return str(caught.value).splitlines()


def test_the_example_shows_every_measure_and_every_destination():
    alerts = load_alerts(EXAMPLE)
    assert {rule.when.measure for rule in alerts.rules} == set(Measure)
    assert [one.type for one in alerts.destinations] == ["log", "webhook", "slack", "email"]
    assert alerts.every == 15
    named = [("operations", "ALERTS_SECRET"), ("chat", "SLACK_WEBHOOK_URL"), ("mail", "SMTP_PASSWORD")]
    assert variables(alerts.destinations) == named


def test_what_the_example_means():
    rules = {rule.id: rule for rule in load_alerts(EXAMPLE).rules}
    blocked = rules["many_blocked"]
    assert blocked.when == Condition(
        Measure.SHARE, Bound("above", 0.1), over=600, of="action", name="block", least=50
    )
    assert (blocked.hold, blocked.cooldown, blocked.severity) == (120, 3600, "critical")
    assert blocked.to == ("log", "operations", "chat", "mail")
    assert rules["user_to_look_at"].to == ("mail",)
    assert rules["attacks"].when.of == "root"  # a category without a dot means all below it


def test_what_is_left_out():
    (one,) = alerts_from_text(file()).rules
    assert (one.hold, one.cooldown, one.severity, one.note, one.to) == (0, 1800, "warning", "", ("log",))
    assert one.when == Condition(Measure.COUNT, Bound("above", 1), over=300, of="events")
    assert condition("measure: lost").bound == Bound("above", 0)
    assert condition("measure: absence").bound == Bound("at_most", 0)
    assert condition("measure: latency, above: 9") == Condition(
        Measure.LATENCY, Bound("above", 9), 300, "added_ms", least=20, quantile=0.99
    )
    assert condition("measure: count, of: category, name: pii.EMAIL, above: 1").of == "category"
    assert condition("measure: count, of: category+action, name: 'pii|block', above: 1").of == "root+action"


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("'90s'", 90), ("1.5m", 90), ("2h", 7200), ("7d", 604_800), ("0", 0)]
)
def test_durations(written, seconds):
    (one,) = alerts_from_text(file(more=f"    for: {written}\n")).rules
    assert one.hold == seconds


def test_mail_ports():
    def port(tls):
        mail = f"destinations: [{{id: m, type: email, host: h, from: a@b.c, to: d@e.f, tls: {tls}}}]\n"
        (one,) = alerts_from_text(file(destinations=mail)).destinations
        assert isinstance(one, Email)
        assert one.to == ("d@e.f",)
        return one.port

    assert [port(tls) for tls in ("starttls", "tls", "none")] == [587, 465, 25]


MISTAKES = [
    ("measure: cuont, above: 1", "5: $.alerts[0].when.measure: unknown value 'cuont', did you mean 'count'?"),
    ("measure: count", "5: $.alerts[0].when: give exactly one of above, at_least, below, at_most"),
    ("measure: count, above: 1, below: 3", "5: $.alerts[0].when: give exactly one of above"),
    (
        "measure: count, of: actoin, above: 1",
        "when.of: unknown dimension of count 'actoin', did",
    ),
    (
        "measure: count, of: action, name: blocked, above: 1",
        "when.name: unknown action 'blocked'",
    ),
    ("measure: count, of: tenant+action, name: acme, above: 1", "two parts: write them as in 'acme|block'"),
    ("measure: count, of: tenant+action, name: 'acme|bloc', above: 1", "unknown action 'bloc'"),
    ("measure: count, of: tenant+action, above: 1", "needs a name: write 'name', such as 'acme|block'"),
    ("measure: count, of: tenant+action, each: true, above: 1", "needs the part behind the sign"),
    ("measure: count, of: tenant, name: a, each: true, above: 1", "with one dimension, write one of them"),
    ("measure: count, each: true, above: 1", "$.alerts[0].when.each: there is only one of events"),
    ("measure: count, name: x, above: 1", "events have no names"),
    ("measure: count, of: user, name: anna, above: 1", "names that do not tell who they are"),
    ("measure: share, of: action, above: 0.5", "a share of action needs a name"),
    ("measure: share, of: action, name: block, above: 5", "0.05 is five in a hundred"),
    ("measure: user_score, at_least: 2", "lies between 0 and 1"),
    ("measure: latency, of: added_ms, name: x, above: 1", "added_ms have no names"),
    ("measure: latency, above: 1, quantile: 1", "1 is not allowed: write a number below 1"),
    ("measure: latency, above: 1, of: rule", "unknown dimension of latency 'rule'"),
    ("measure: count, above: 1, quantile: 0.5", "'quantile' does not go with measure: count: of, name, each"),
    ("measure: absence, above: 1", "'above' does not go with measure: absence"),
    ("measure: first_hit, of: user", "unknown dimension of first_hit 'user'"),
    ("measure: count, above: 1, over: 90s", "$.alerts[0].when.over: 90 seconds: write whole minutes"),
    ("measure: count, above: 1, over: 31d", "31 d is not allowed: write 1 min to 30 d"),
    ("measure: count, above: lots", "'lots' is not allowed: write a number"),
    ("measure: count, above: true", "true is not allowed: write a number"),
    ("measure: count, above: 1, of: action, unless: x", "$.alerts[0].when.unless: unknown key 'unless'"),
]


@pytest.mark.parametrize(("when", "told"), MISTAKES, ids=[when for when, _ in MISTAKES])
def test_mistakes_in_conditions(when, told):
    found = problems(file(when))
    assert len(found) == 1, found
    assert found[0].startswith("alerts.yaml:5: $.alerts[0].when")
    assert told in found[0]


HTTP = "id: d, type: webhook, url: 'http://h/'"
MAIL = "id: d, type: email, host: h, from: a@b.c, to: [d@e.f]"
PLACES = [
    ("id: d, type: webhook", "give exactly one of url and url_env"),
    ("id: d, type: webhook, url: 'http://h/', url_env: X", "give exactly one of url and url_env"),
    ("id: d, type: webhook, url: 'ftp://h/'", "no URL that can be used"),
    ("id: d, type: webhook, url: 'http://user:pass@h/'", "without a user or a password"),
    ("id: d, type: webhook, url: 'http://h:0/'", "no URL that can be used"),
    ("id: d, type: webhook, url: 'http://h/<!channel>'", "no URL that can be used"),
    (f"{HTTP}, secret_env: 'sesame, open!'", "write what matches"),
    (f"{HTTP}, secret: abc", "unknown key 'secret', did you mean 'secret_env'?"),
    (f"{HTTP}, timeout: 2m", "2 min is not allowed: write 0.1 s to 1 min"),
    (f"{HTTP}, host: h", "'host' does not go with type: webhook"),
    ("id: d, type: slack, url: 'http://h/', url_env: X", "'url' does not go with type: slack: url_env"),
    ("id: d, type: slack", "'url_env' is missing: type: slack needs url_env"),
    ("id: d, type: log, timeout: 1s", "'timeout' does not go with type: log: no key do"),
    ("id: d, type: email, host: h, from: a@b.c", "'to' is missing: type: email needs host, from, to"),
    (MAIL.replace("a@b.c", '"a@b.c\\r\\nBcc: x@y.z"'), "write what matches"),
    (MAIL.replace("d@e.f", '"d@e.f\\nX: y"'), "write what matches"),
    (f"{MAIL}, user: u", "only one of user and password_env is given"),
    (f"{MAIL}, user: u, password_env: P, tls: none", "would be sent in the clear"),
    (f"{MAIL}, tls: ssl", "unknown value 'ssl'"),
    ("id: d, type: pager", "unknown value 'pager'"),
]


@pytest.mark.parametrize(("destination", "told"), PLACES, ids=[one for one, _ in PLACES])
def test_mistakes_in_destinations(destination, told):
    found = problems(file(destinations=f"destinations: [{{{destination}}}]\n"))
    assert len(found) == 1, found
    assert found[0].startswith("alerts.yaml:2: $.destinations[0]")
    assert told in found[0]


def test_a_password_may_go_in_the_clear_to_this_machine():
    mail = MAIL.replace("host: h", "host: 127.0.0.1") + ", user: u, password_env: P, tls: none"
    alerts_from_text(file(destinations=f"destinations: [{{{mail}}}]\n"))


def test_every_mistake_at_once():
    text = (
        "version: 2\nevry: 3\ndestinations:\n  - {id: log, type: log}\n  - {id: log, type: log}\n"
        "alerts:\n  - {id: a, when: {measure: count}, to: [lgo], for: soon}\n"
        "  - {id: a, when: {measure: lost, over: 5}, cooldown: -1}\n"
    )
    assert [line.partition(": ")[2].partition(":")[0] for line in problems(text)] == [
        "$.version",
        "$.evry",
        "$.destinations[1].id",
        "$.alerts[0].for",
        "$.alerts[0].to[0]",
        "$.alerts[0].when",
        "$.alerts[1].cooldown",
        "$.alerts[1].id",
        "$.alerts[1].when.over",
    ]
    assert problems("version: 1\n")[0].startswith("alerts.yaml:1: $.alerts: missing: a value is needed here")
    assert problems("") == [
        "alerts.yaml:1: $: the file is empty: a file of alerts is a mapping that begins with 'version: 1'"
    ]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"nope\.yaml:1: .*cannot be read .*name a file of alerts"):
        load_alerts(tmp_path / "nope.yaml")


def test_paths_are_relative_to_the_file(tmp_path):
    written = tmp_path / "alerts.yaml"
    hook = f"destinations: [{{{HTTP}, ca_file: ca.pem}}]\nstate: s.json\n"
    written.write_text(file(destinations=hook))
    alerts = load_alerts(written)
    assert alerts.state == str(tmp_path / "s.json")
    (one,) = alerts.destinations
    assert isinstance(one, Webhook)
    assert one.address.ca_file == str(tmp_path / "ca.pem")


def test_where_the_state_is_kept():
    assert state_file("/there/s.json", "events.sqlite") == Path("/there/s.json")
    assert state_file(None, "/var/events.sqlite") == Path("/var/events.sqlite.alerts.json")
    assert state_file(None, "postgresql://h/d") == Path("safety-alerts.json")


def test_the_tables_are_complete():
    assert set(typing.get_args(MeasureName)) == set(Measure) == set(KEYS_OF_MEASURE)
    assert set(KEYS_OF_TYPE) == {"webhook", "slack", "email", "log"}


def test_every_dimension_is_counted():
    """What an alert can be of is what the counts have: a name that nothing is counted under never fires."""
    ran = (DetectorRun("pii@1", Ran.FAILED, 1.0), DetectorRun("harm@1", Ran.OK, 1.0))
    hit = RuleHit("no_pii", Action.BLOCK, True, None, "pii", "pii.EMAIL", 1.0, 4, "x")
    labels = {"tenant": "acme", "model": "m", "route": "r", "user": "u"}
    event = Event(
        "e.input",
        "e",
        Stage.INPUT,
        "2026-11-23T10:00:00.000000Z",
        "p@1",
        Action.BLOCK,
        Action.BLOCK,
        False,
        0.01,
        labels,
        ran,
        (hit,),
        0,
        ("no_pii",),
        ("pii.EMAIL",),
    )
    counted = {of for of, _, _ in tally(event)}
    assert counted >= set(COUNTED) | set(NEW) | {"added_ms", "detector_ms"}


def test_values_hold_no_secrets():
    assert not [f.name for f in fields(Webhook) + fields(Email) if f.name in ("secret", "token", "password")]


texts = st.text(max_size=12) | st.sampled_from(["count", "share", "block", "log", "webhook", "10m", "x@y.z"])
KEYS = """version destinations alerts id type when measure of name each over above below least to for from url
    url_env host tls user password_env quantile""".split()
numbers = st.integers(-5, 10**6) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=5)
    ),
    max_leaves=25,
)


@given(values, values, values)
def test_anything_else_is_an_error_with_a_name(destination, alert, rest):
    tree = {"version": 1, "destinations": [destination], "alerts": [alert], "x": rest}
    with pytest.raises(ConfigError):
        alerts_from_text(json.dumps(tree))
