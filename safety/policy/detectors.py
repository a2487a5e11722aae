"""From a policy to its detectors: who finds a category, which detectors are needed, and building them.

What is installed is for ``detectors.registry`` to say; running is ``guard``'s matter.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from safety.detectors.base import Detector
from safety.detectors.groundedness import Groundedness
from safety.detectors.model import HARM
from safety.detectors.normalise import ReadingDetector
from safety.detectors.opinions import ModelDetector
from safety.detectors.registry import Registry
from safety.errors import ConfigError, PolicyError, SafetyError
from safety.models.load import scorer_for, verifier_for, writer_for
from safety.policy.model import DetectorConfig, Policy
from safety.types import below

ANY = "*"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What each installed detector finds under a policy's options (``finds``, by its name)."""

    registry: Registry
    finds: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, configs: Mapping[str, DetectorConfig], registry: Registry) -> Self:
        """The catalogue under ``configs``; a detector that is not among them has its default options."""
        finds = {
            name: registry.entries[name].detector.categories_of(options_of(name, configs, registry))
            for name in registry.names
        }
        return cls(registry, finds)

    @property
    def roots(self) -> tuple[str, ...]:
        """The first parts of all categories, sorted."""
        return tuple(sorted({c.partition(".")[0] for found in self.finds.values() for c in found}))

    def find(self, category: str) -> tuple[str, ...]:
        """The names of the detectors that find ``category`` or something below it; ``*`` for all."""
        return tuple(
            name
            for name, found in self.finds.items()
            if category == ANY or any(below(c, category) for c in found)
        )

    def absent(self, category: str) -> str:
        """Why no detector finds ``category``, and what there is instead."""
        owner = self.leaving_out(category)
        root = category.partition(".")[0]
        if owner is not None:
            found = ", ".join(self.finds[owner]) or "nothing"
            return f"'{category}' is not looked for: with its options in this policy '{owner}' finds {found}"
        if root in HARM:
            wrong, allowed = f"no installed detector finds '{category}'", self.roots
        else:
            wrong, allowed = f"unknown category '{category}'{self._hint(category)}", self._under(root)
        broken = ", ".join(sorted(self.registry.broken))
        said = f"{wrong}: installed detectors find {', '.join(allowed) or 'nothing'}"
        return f"{said} (not usable: {broken})" if broken else said

    def leaving_out(self, category: str) -> str | None:
        """The detector that could find ``category`` with other options."""
        for name, found in self.finds.items():
            others = [c for c in self.registry.entries[name].detector.categories if c not in found]
            if any(below(category, c) or below(c, category) for c in others):
                return name
        return None

    def _under(self, root: str) -> tuple[str, ...]:
        """What there is under ``root``, or the roots that there are."""
        if root not in self.roots:
            return self.roots
        return tuple(sorted({root, *(c for found in self.finds.values() for c in found if below(c, root))}))

    def _hint(self, category: str) -> str:
        known = sorted({*self.roots, *HARM, *(c for found in self.finds.values() for c in found)})
        begun = [c for c in known if c.startswith(category)]
        close = begun or difflib.get_close_matches(category, known, n=1)
        return f", did you mean '{close[0]}'?" if close else ""


def options_of(name: str, configs: Mapping[str, DetectorConfig], registry: Registry) -> Any:
    """The options of a detector under ``configs``."""
    options = configs[name].options if name in configs else None
    return registry.entries[name].detector.Options() if options is None else options


def needed(policy: Policy, registry: Registry) -> tuple[str, ...]:
    """The names of the detectors that some rule needs and that are not switched off, sorted."""
    catalogue = Catalogue.of(policy.detectors, registry)
    wanted = {name for category in _named(policy) for name in catalogue.find(category)}
    off = {name for name, config in policy.detectors.items() if not config.enabled}
    return tuple(sorted(wanted - off))


def involved(policy: Policy, registry: Registry) -> tuple[str, ...]:
    """Those that are ``needed`` and those that they use, sorted: on all of them a verdict may depend."""
    names = needed(policy, registry)
    used = {other for name in names for other in registry.entries[name].detector.uses}
    return tuple(sorted({*names, *(used & registry.entries.keys())}))


def build(policy: Policy, registry: Registry) -> tuple[Detector, ...]:
    """The detectors that some rule of ``policy`` needs, built with its options, by name.

    ``PolicyError`` for a category that no installed detector finds and for options that a detector refuses.
    """
    catalogue = Catalogue.of(policy.detectors, registry)
    problems = [catalogue.absent(category) for category in _named(policy) if not catalogue.find(category)]
    problems += registry.broken.values() if problems else ()
    built: dict[str, Detector] = {}
    users_last = sorted(involved(policy, registry), key=lambda n: bool(registry.entries[n].detector.uses))
    for name in users_last:
        try:
            built[name] = _made(name, policy.detectors, registry, built)
        except (SafetyError, ValueError, OSError) as error:
            place = policy.detectors[name].place if name in policy.detectors else ""
            problems.append(f"{place or f'$.detectors.{name}'}: {' '.join(str(error).split())}")
    if problems:
        raise PolicyError(tuple(problems))
    return tuple(built[name] for name in needed(policy, registry))


def _made(
    name: str, configs: Mapping[str, DetectorConfig], registry: Registry, built: Mapping[str, Detector]
) -> Detector:
    detector = registry.entries[name].detector
    for other in detector.uses:
        if other not in built:
            raise ConfigError(f"it uses '{other}', which is not installed or could not be built")
    options = options_of(name, configs, registry)
    if issubclass(detector, ReadingDetector):  # the first makes a reader for all
        reader = next((other.reader for other in built.values() if isinstance(other, ReadingDetector)), None)
        if issubclass(detector, ModelDetector):
            return detector(options, reader=reader, scorer=scorer_for(options))
        return detector(options, reader=reader)
    if issubclass(detector, Groundedness):
        return detector(options, verifier=verifier_for(options), writer=writer_for(options))
    return detector.make(options, {other: built[other] for other in detector.uses})


def _named(policy: Policy) -> Iterable[str]:
    """The categories that rules name, each once."""
    return dict.fromkeys(category for rule in policy.rules for category in rule.when.categories)
