"""Which detectors are installed: built-ins and packages by one door, and what becomes of broken ones."""

import importlib.metadata
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from safety.detectors.base import Detector
from safety.detectors.registry import (
    BUILT_IN,
    GROUP,
    Entry,
    Registry,
    build,
    built_in,
    load_registry,
    needed,
    registry_of,
)
from safety.errors import ConfigError, PolicyError
from safety.policy.model import DetectorConfig, Policy, Rule, When
from safety.types import Action, Exchange, Finding

MODULE = """
from dataclasses import dataclass
from safety.detectors.base import Detector

class Good(Detector):
    name = "{name}"
    categories = ("acme.THING",)
    def detect(self, batch):
        return [[] for _ in batch]

class Misnamed(Good):
    name = "other"

class Unlisted(Good):
    categories = ()

class Greedy(Good):
    @dataclass(frozen=True)
    class Options:
        timeout: int = 1

class Loose(Good):
    Options = dict

not_a_class = 5
"""


@pytest.fixture
def package(tmp_path, request):
    """Makes a real distribution in a folder, and gives back its entry points."""
    sys.path.insert(0, str(tmp_path))

    def make(owner: str, version: str, points: dict[str, str], module: str = "", name: str = "thing"):
        info = tmp_path / f"{owner}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {owner}\nVersion: {version}\n")
        lines = "".join(f"{key} = {value}\n" for key, value in points.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        (tmp_path / f"{owner}_detectors.py").write_text(module or MODULE.format(name=name))
        found = importlib.metadata.distributions(path=[str(tmp_path)])
        return [p for d in found for p in d.entry_points if p.group == GROUP]

    yield make
    sys.path.remove(str(tmp_path))
    for module in [m for m in sys.modules if m.endswith("_detectors") and m != "toy_detectors"]:
        del sys.modules[module]


def test_a_package_enters_its_detector(package):
    registry = registry_of((*BUILT_IN, *package("acme", "1.2", {"thing": "acme_detectors:Good"})))
    assert registry.entries["thing"].owner == "acme 1.2"
    assert registry.find("acme.THING") == ("thing",)
    assert registry.find("acme") == ("thing",)
    assert "limits" in registry.names


def test_a_name_with_two_owners_is_refused_naming_both(package):
    points = package("acme", "1.2", {"limits": "acme_detectors:Good"}, name="limits")
    with pytest.raises(ConfigError) as caught:
        registry_of((*BUILT_IN, *points))
    assert "'limits' is claimed twice" in str(caught.value)
    assert "content-safety-layer (safety.detectors.limits:Limits)" in str(caught.value)
    assert "acme 1.2 (acme_detectors:Good)" in str(caught.value)
    package("blue", "3", {"limits": "blue_detectors:Good"}, name="limits")
    points = package("cyan", "4", {}, name="limits")
    with pytest.raises(ConfigError, match=r"acme 1\.2.*blue 3|blue 3.*acme 1\.2"):
        registry_of(points)


def test_the_same_entry_seen_twice_is_one(package):
    points = package("acme", "1.2", {"thing": "acme_detectors:Good"})
    assert registry_of((*points, *points)).names == ("thing",)


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("acme_detectors:Missing", "AttributeError"),
        ("nowhere_to_be_found:Good", "ModuleNotFoundError"),
        ("acme_detectors:not_a_class", "not a subclass"),
        ("acme_detectors:dataclass", "not a subclass"),
        ("acme_detectors:Misnamed", "named 'other'"),
        ("acme_detectors:Unlisted", "'categories' must be a tuple"),
        ("acme_detectors:Greedy", "'timeout' is a key of every detector"),
        ("acme_detectors:Loose", "'Options' must be a dataclass"),
    ],
)
def test_an_entry_that_cannot_be_used_is_kept_with_the_reason(package, target, why):
    registry = registry_of((*BUILT_IN, *package("acme", "1.2", {"thing": target})))
    assert "thing" not in registry.entries
    assert registry.broken["thing"].startswith(f"detector 'thing' of acme 1.2 ({target}) cannot be used: ")
    assert why in registry.broken["thing"]
    assert "limits" in registry.entries


def test_an_import_that_raises_anything_is_kept_with_the_reason(package):
    points = package("acme", "1", {"thing": "acme_detectors:X"}, module="1 / 0\n")
    assert "ZeroDivisionError" in registry_of(points).broken["thing"]


def test_every_built_in_can_be_used():
    assert built_in().broken == {}
    assert set(load_registry().names) >= {point.name for point in BUILT_IN}


# ---- what a policy needs


@dataclass(frozen=True, slots=True)
class Options:
    size: int = 1


class Small(Detector):
    name = "small"
    categories = ("pii.EMAIL", "pii.PHONE")
    Options = Options

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        if self.options.size > 5:
            raise ValueError("size 9: at most 5")

    def detect(self, batch: Sequence[Exchange]) -> list[list[Finding]]:
        return [[] for _ in batch]


class Root(Small):
    name = "root"
    categories = ("secret",)


REGISTRY = Registry({"small": Entry(Small, "a 1"), "root": Entry(Root, "b 2")})


def policy(*categories: str, **configs: DetectorConfig) -> Policy:
    rules = tuple(Rule(c, When((c,)), Action.BLOCK) for c in categories)
    return Policy("p", rules=rules, detectors=configs)


@pytest.mark.parametrize(
    ("category", "names"),
    [
        ("pii", ("small",)),
        ("pii.EMAIL", ("small",)),
        ("pii.EMAIL.work", ("small",)),
        ("pii.FAX", ()),
        ("pi", ()),
        ("secret.aws", ("root",)),
        ("secrets", ()),
        ("*", ("root", "small")),
    ],
)
def test_who_finds_a_category(category, names):
    assert REGISTRY.find(category) == names


def test_only_what_a_rule_needs_is_built():
    assert [d.name for d in build(policy("pii.EMAIL"), REGISTRY)] == ["small"]
    assert build(policy(), REGISTRY) == ()
    assert needed(policy("*"), REGISTRY) == ("root", "small")


def test_options_reach_the_detector_and_switched_off_ones_are_not_built():
    on = policy("pii", small=DetectorConfig("small", Options(3)))
    assert build(on, REGISTRY)[0].options == Options(3)
    off = policy("pii", small=DetectorConfig("small", Options(3), enabled=False))
    assert build(off, REGISTRY) == ()


@pytest.mark.parametrize(
    ("category", "said"),
    [
        ("hate", "no installed detector finds 'hate': installed detectors find pii.EMAIL, pii.PHONE, secret"),
        ("self_harm", "no installed detector finds 'self_harm'"),
        ("pii.EMAL", "unknown category 'pii.EMAL', did you mean 'pii.EMAIL'?: installed"),
        ("hat", "unknown category 'hat', did you mean 'hate'?"),
        ("zzz", "unknown category 'zzz': installed detectors find"),
    ],
)
def test_a_category_that_nobody_finds_is_never_clean(category, said):
    with pytest.raises(PolicyError) as caught:
        build(policy("pii", category), REGISTRY)
    (problem,) = caught.value.problems
    assert problem.startswith(said)


def test_options_that_a_detector_refuses_are_a_problem_of_the_policy():
    with pytest.raises(PolicyError, match=r"\$\.detectors\.small: size 9: at most 5"):
        build(policy("pii", small=DetectorConfig("small", Options(9))), REGISTRY)
