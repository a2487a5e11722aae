"""Which detectors are installed.

One table for built-ins and third-party packages: a package enters its detector under the entry-point group
``safety.detectors``, and the built-ins are entry points of the same kind. A name belongs to one owner. An
entry that cannot be used is kept with the reason: it stops the policies that need it and no others.

It knows nothing of policies (``policy.detectors`` builds what one needs) and runs no detectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.metadata import EntryPoint, entry_points

from safety.detectors.base import Detector
from safety.errors import ConfigError

GROUP = "safety.detectors"
OWNER = "content-safety-layer"
BUILT_IN = tuple(
    EntryPoint(name, f"safety.detectors.{name}:{attribute}", GROUP)
    for name, attribute in (
        ("hidden_text", "HiddenText"),
        ("prompt_shield", "PromptShield"),
        ("harm", "Harm"),
        ("groundedness", "Groundedness"),
        ("pii", "Pii"),
        ("secrets", "Secrets"),
        ("blocklist", "Blocklist"),
        ("canary", "Canary"),
        ("egress", "Egress"),
        ("limits", "Limits"),
    )
)
RESERVED = ("enabled", "timeout", "on_error")  # keys beside a detector's own options in a policy


@dataclass(frozen=True, slots=True)
class Entry:
    """An installed detector and the distribution it came with."""

    detector: type[Detector]
    owner: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The installed detectors by name; ``broken`` says of the others why they cannot be used."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the usable detectors, sorted."""
        return tuple(sorted(self.entries))


def load_registry() -> Registry:
    """Built-ins and every installed entry point of the group. ``ConfigError`` for a name with two owners."""
    return registry_of((*BUILT_IN, *entry_points(group=GROUP)))


def built_in() -> Registry:
    """The built-ins alone: what does not depend on what else is installed."""
    return registry_of(BUILT_IN)


def registry_of(points: Iterable[EntryPoint]) -> Registry:
    """A registry of the given entry points."""
    entries: dict[str, Entry] = {}
    broken: dict[str, str] = {}
    for name, point in _by_name(points).items():
        owner = owner_of(point)
        detector, problem = _load(point)
        if detector is None:
            broken[name] = f"detector '{name}' of {owner} ({point.value}) cannot be used: {problem}"
        else:
            entries[name] = Entry(detector, owner)
    return Registry(entries, broken)


def owner_of(point: EntryPoint) -> str:
    """The distribution that brought the entry point, with its version."""
    return OWNER if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _by_name(points: Iterable[EntryPoint]) -> dict[str, EntryPoint]:
    named: dict[str, EntryPoint] = {}
    for point in points:
        first = named.setdefault(point.name, point)
        if (owner_of(first), first.value) != (owner_of(point), point.value):
            raise ConfigError(
                f"detector '{point.name}' is claimed twice, by {owner_of(first)} ({first.value}) and by "
                f"{owner_of(point)} ({point.value}): a name has one owner, uninstall one of them"
            )
    return named


def _load(point: EntryPoint) -> tuple[type[Detector] | None, str]:
    try:
        loaded = point.load()
    except Exception as error:  # importing runs foreign code; what it raised is kept and shown
        return None, f"{type(error).__name__}: {error}".splitlines()[0]
    problem = _flaw(point.name, loaded)
    return (None, problem) if problem else (loaded, "")


def _flaw(name: str, loaded: object) -> str:
    if not (isinstance(loaded, type) and issubclass(loaded, Detector)):
        return "it is not a subclass of safety.detectors.base.Detector"
    if getattr(loaded, "name", None) != name:
        return f"its class is named {getattr(loaded, 'name', None)!r}: name must equal the entry point's"
    categories = getattr(loaded, "categories", ())
    if not (isinstance(categories, tuple) and categories and all(isinstance(c, str) for c in categories)):
        return "its 'categories' must be a tuple of one or more texts"
    if not is_dataclass(loaded.Options):
        return "its 'Options' must be a dataclass"
    if taken := sorted({option.name for option in fields(loaded.Options)} & set(RESERVED)):
        return f"its option {taken[0]!r} is a key of every detector in a policy: name it otherwise"
    return ""
