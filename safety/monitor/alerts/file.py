"""Files of alerts: YAML in, an ``AlertFile`` out, or every mistake at once, each with its place.

Mistakes read ``file:line: $.path: what was wrong: what is allowed``. Secrets never stand in the file: it
names environment variables, and this module does not read them (``deliver`` does). Destinations may be on
private addresses: only who operates the monitor writes this file, and nothing that is sent or received
changes where to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from pydantic import TypeAdapter

from safety.errors import ConfigError
from safety.monitor.alerts.rules import (
    BOUNDS,
    Address,
    AlertFile,
    AlertRule,
    Bound,
    Condition,
    Destination,
    Email,
    LogLine,
    Measure,
    Slack,
    Webhook,
)
from safety.monitor.alerts.shape import DAY, HOUR, MINUTE, AlertShape, DestinationShape, FileShape, WhenShape
from safety.policy.source import Node, Problems, parse, read_text
from safety.policy.validate import unknown, validated
from safety.types import Action, Ran, Stage

ALERTS = "a file of alerts is a mapping that begins with 'version: 1'"

_ACTIONS = tuple(str(action) for action in Action)
# Dimensions of the counts that have few names, all of which are known; of a pair, of its last part.
_FIXED: Mapping[str, tuple[str, ...]] = {
    "action": _ACTIONS,
    "would": tuple(name for name in _ACTIONS if name != str(Action.ALLOW)),
    "stage": tuple(stage.value for stage in Stage),
    "ran": tuple(ran.value for ran in Ran if ran is not Ran.OK),
}
_NAMED = "category", "root", "severity", "rule", "blocked_by", "tenant", "model", "route", "policy", "failed"
_PAIRS = (
    *(f"{of}+action" for of in ("tenant", "model", "route", "policy", "rule", "category", "root")),
    "failed+ran",
)
COUNTED = ("events", "action", "would", "stage", *_NAMED, "user", *_PAIRS)
NEW = ("rule", "category", "blocked_by", "failed", "policy", "model", "route", "tenant")


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one measure takes beside ``measure``, and what stands for what is left out. ``of``: the dimensions
    it can be of, the first by default."""

    keys: tuple[str, ...]
    of: tuple[str, ...]
    over: float = 5 * MINUTE
    bound: Bound | None = None
    most: float | None = None  # the largest value there can be
    least: int = 0


_WINDOW = ("of", "name", "each", "over", *BOUNDS)
KEYS_OF_MEASURE: Mapping[Measure, _Kind] = {
    Measure.COUNT: _Kind(_WINDOW, COUNTED),
    Measure.RATE: _Kind(_WINDOW, COUNTED),
    Measure.SHARE: _Kind((*_WINDOW, "least"), COUNTED[1:], most=1.0, least=20),
    Measure.LATENCY: _Kind(
        ("of", "name", "over", "least", "quantile", *BOUNDS), ("added_ms", "detector_ms"), least=20
    ),
    Measure.NOT_RUN: _Kind(("name", "each", "over", *BOUNDS), ("failed",), bound=Bound("above", 0)),
    Measure.FIRST_HIT: _Kind(("of", "over"), NEW, HOUR, Bound("at_least", 1)),
    Measure.USER_SCORE: _Kind(("over", *BOUNDS), ("user",), DAY, most=1.0),
    Measure.LOST: _Kind(("over", *BOUNDS), ("lost",), bound=Bound("above", 0)),
    Measure.ABSENCE: _Kind(("of", "name", "over"), COUNTED, 10 * MINUTE, Bound("at_most", 0)),
    Measure.BEHIND: _Kind((*BOUNDS,), ("events",)),
}
_HTTP = ("url_env", "proxy", "ca_file", "timeout")
KEYS_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "webhook": ("url", "secret_env", "token_env", *_HTTP),
    "slack": _HTTP,
    "email": ("host", "port", "tls", "from", "to", "user", "password_env", "ca_file", "timeout"),
    "log": (),
}
_NEEDED: Mapping[str, tuple[str, ...]] = {"slack": ("url_env",), "email": ("host", "from", "to")}
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_FILE = TypeAdapter(FileShape)


def load_alerts(path: str | Path) -> AlertFile:
    """The alerts in the file at ``path``. ``ConfigError`` with one line per mistake."""
    path = Path(path)
    problems = Problems()
    text = read_text(path, str(path), problems, "a file of alerts")
    if text is None:
        raise ConfigError("\n".join(problems.lines()))
    return alerts_from_text(text, str(path), path.parent)


def alerts_from_text(text: str, name: str = "<alerts>", folder: Path = Path()) -> AlertFile:
    """The alerts in ``text``; ``name`` stands for the file in messages, and paths are relative to ``folder``.
    Raises as ``load_alerts`` does."""
    problems = Problems()
    tree = parse(text, name, folder, problems, ALERTS)
    shape = None if tree is None else validated(_FILE, tree, problems)
    if tree is not None:
        _check(tree, problems)
    if shape is None or problems.found:
        raise ConfigError("\n".join(problems.lines()))
    everyone = tuple(one.id for one in shape.destinations)
    return AlertFile(
        rules=tuple(_rule(one, everyone) for one in shape.alerts),
        destinations=tuple(_destination(one, folder) for one in shape.destinations),
        every=shape.every,
        state=None if shape.state is None else str(folder / shape.state),
        link=shape.link,
    )


# --- what hangs together: from the tree, so that it is said with all else -----------------------------------


def _check(tree: Node, problems: Problems) -> None:
    destinations, alerts = _at(tree, "destinations").items, _at(tree, "alerts").items
    _no_two("destination", destinations, problems)
    _no_two("alert", alerts, problems)
    for one in destinations:
        _check_destination(one, problems)
    known = [str(_at(one, "id").value) for one in destinations]
    for one in alerts:
        to = _at(one, "to")
        for name in to.items or [to]:
            if isinstance(name.value, str) and name.value not in known:
                problems.add(name.place, unknown("destination", name.value, known))
        _check_when(_at(one, "when"), problems)


def _at(node: Node, key: str) -> Node:
    return node.entries.get(key) or Node(None, node.place)


def _given(node: Node) -> Iterator[tuple[str, Node]]:
    return ((key, child) for key, child in node.entries.items() if child.value is not None)


def _no_two(noun: str, nodes: list[Node], problems: Problems) -> None:
    first: dict[object, int] = {}
    for node in (_at(one, "id") for one in nodes):
        if isinstance(node.value, str) and node.value in first:
            line = first[node.value]
            problems.add(
                node.place, f"the {noun} {node.value!r} is already there, in line {line}: name it apart"
            )
        elif isinstance(node.value, str):
            first[node.value] = node.place.line


def _belong(node: Node, kind: str, allowed: tuple[str, ...], fields: set[str], problems: Problems) -> None:
    """Says which keys are of another kind. Those that are of none are said by ``validated``."""
    for key, child in _given(node):
        if key in fields and key not in allowed:
            problems.add(child.place, f"{key!r} does not go with {kind}: {', '.join(allowed) or 'no key'} do")


def _check_destination(node: Node, problems: Problems) -> None:
    type_ = _at(node, "type").value
    if not isinstance(type_, str) or type_ not in KEYS_OF_TYPE:
        return
    fields = {info.alias or name for name, info in DestinationShape.model_fields.items()} - {"id", "type"}
    _belong(node, f"type: {type_}", KEYS_OF_TYPE[type_], fields, problems)
    given = {key for key, _ in _given(node)}
    for key in _NEEDED.get(type_, ()):
        if key not in given:
            problems.add(node.place, f"{key!r} is missing: type: {type_} needs {', '.join(_NEEDED[type_])}")
    if type_ == "webhook" and len(given & {"url", "url_env"}) != 1:
        problems.add(node.place, "give exactly one of url and url_env: where to send to")
    if type_ == "email":
        _check_mail(node, given, problems)


def _check_mail(node: Node, given: set[str], problems: Problems) -> None:
    if ("user" in given) != ("password_env" in given):
        problems.add(node.place, "only one of user and password_env is given: give both or neither")
    host = str(_at(node, "host").value)
    if "password_env" in given and _at(node, "tls").value == "none" and not _loopback(host):
        problems.add(
            _at(node, "tls").place,
            "the password would be sent in the clear: write starttls or tls, or leave the password out",
        )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _check_when(node: Node, problems: Problems) -> None:
    name = _at(node, "measure").value
    if name not in list(Measure):
        return
    measure = Measure(str(name))
    kind = KEYS_OF_MEASURE[measure]
    _belong(node, f"measure: {measure}", kind.keys, set(WhenShape.model_fields) - {"measure"}, problems)
    given = {key for key, _ in _given(node)}
    bounds = given & set(BOUNDS) & set(kind.keys)
    if len(bounds) > 1 or (not bounds and kind.bound is None):
        problems.add(node.place, f"give exactly one of {', '.join(BOUNDS)}: what to compare with")
    for key in bounds:
        value = _at(node, key).value
        if isinstance(value, int | float) and kind.most is not None and not 0 <= value <= kind.most:
            problems.add(_at(node, key).place, f"a {measure} lies between 0 and 1: 0.05 is five in a hundred")
    if "of" in kind.keys or "name" in given:
        _check_names(node, measure, kind, given, problems)


def _check_names(node: Node, measure: Measure, kind: _Kind, given: set[str], problems: Problems) -> None:
    of, name = _at(node, "of").value, _at(node, "name").value
    of = kind.of[0] if of is None else of
    if not isinstance(of, str):
        return
    if of not in kind.of:
        problems.add(_at(node, "of").place, unknown(f"dimension of {measure}", of, kind.of))
        return
    each = _at(node, "each").value is True
    pair = "+" in of
    if isinstance(name, str) and "name" in kind.keys:
        wrong = _name_problem(of, name, each, pair)
        if wrong:
            problems.add(_at(node, "name").place, wrong)
    elif (pair or measure is Measure.SHARE) and not each:
        what = "'acme|block', or 'each: true' with the part behind the sign" if pair else "'each: true'"
        problems.add(node.place, f"a {measure} of {of} needs a name: write 'name', such as {what}")
    elif pair and each:
        problems.add(node.place, f"each of {of} needs the part behind the sign: write 'name', such as block")
    if each and of in ("events", "added_ms", "detector_ms"):
        problems.add(_at(node, "each").place, f"there is only one of {of}: leave it out")


def _name_problem(of: str, name: str, each: bool, pair: bool) -> str | None:
    if of in ("events", "added_ms"):
        return f"{of} have no names: name a dimension with 'of', or leave it out"
    if of == "user":
        return (
            "users are counted under names that do not tell who they are: leave it out, or write 'each: true'"
        )
    if each and not pair:
        return "a name and 'each: true': with one dimension, write one of them"
    head, bar, tail = name.rpartition("|")
    if pair and not each and not (bar and head):
        return f"a name of {of} has two parts: write them as in 'acme|block'"
    last = of.rpartition("+")[2]
    written = tail if pair else name
    if last in _FIXED and written not in _FIXED[last]:
        return unknown(last, written, _FIXED[last])
    return None


# --- shapes into values -------------------------------------------------------------------------------------


def _rule(shape: AlertShape, everyone: tuple[str, ...]) -> AlertRule:
    return AlertRule(
        id=shape.id,
        when=_condition(shape.when),
        to=everyone if shape.to is None else tuple(dict.fromkeys(shape.to)),
        hold=shape.hold,
        cooldown=shape.cooldown,
        severity=shape.severity,
        note=shape.note,
    )


def _condition(shape: WhenShape) -> Condition:
    measure = Measure(shape.measure)
    kind = KEYS_OF_MEASURE[measure]
    given = ((how, getattr(shape, how)) for how in BOUNDS)
    bound = next((Bound(how, value) for how, value in given if value is not None), kind.bound)
    of, name = shape.of or kind.of[0], shape.name
    if (
        of.startswith("category")
        and name is not None
        and not shape.each
        and "." not in name.partition("|")[0]
    ):
        of = of.replace("category", "root", 1)  # 'pii' means all that is below it, as in a policy's rule
    return Condition(
        measure,
        bound or Bound("above", 0),
        kind.over if shape.over is None else shape.over,
        of,
        name,
        shape.each,
        kind.least if shape.least is None else shape.least,
        0.99 if shape.quantile is None and measure is Measure.LATENCY else shape.quantile or 0.0,
    )


def _destination(shape: DestinationShape, folder: Path) -> Destination:
    ca_file = None if shape.ca_file is None else str(folder / shape.ca_file)
    address = Address(shape.url, shape.url_env, shape.proxy, ca_file)
    if shape.type == "webhook":
        return Webhook(shape.id, address, shape.secret_env, shape.token_env, shape.timeout)
    if shape.type == "slack":
        return Slack(shape.id, address, shape.timeout)
    if shape.type == "log":
        return LogLine(shape.id)
    return Email(
        id=shape.id,
        host=shape.host or "",
        port=_PORTS[shape.tls] if shape.port is None else shape.port,
        sender=shape.sender or "",
        to=tuple(shape.to or ()),
        tls=shape.tls,
        user=shape.user,
        password_env=shape.password_env,
        ca_file=ca_file,
        timeout=shape.timeout,
    )


def variables(destinations: tuple[Destination, ...]) -> list[tuple[str, str]]:
    """Destination and environment variable, of every secret that is named."""
    found = []
    for one in destinations:
        if isinstance(one, Webhook):
            named = [one.address.url_env, one.secret_env, one.token_env]
        elif isinstance(one, Slack):
            named = [one.address.url_env]
        else:
            named = [one.password_env] if isinstance(one, Email) else []
        found += [(one.id, name) for name in named if name is not None]
    return found
