"""A content-safety layer between an application and any language model.

The public names. They are imported when they are first used, so that ``import safety`` costs nothing; code
inside the package imports from its modules and never from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from safety.detectors.base import Detector as Detector
    from safety.detectors.base import NoOptions as NoOptions
    from safety.detectors.base import Scope as Scope
    from safety.detectors.canary import plant as plant_canary  # noqa: F401 - one of the public names
    from safety.errors import Blocked as Blocked
    from safety.errors import ConfigError as ConfigError
    from safety.errors import MissingExtra as MissingExtra
    from safety.errors import PolicyError as PolicyError
    from safety.errors import SafetyError as SafetyError
    from safety.errors import StoreError as StoreError
    from safety.errors import WireError as WireError
    from safety.events.log import EventLog as EventLog
    from safety.events.memory import MemoryLog as MemoryLog
    from safety.guard import Guard as Guard
    from safety.policy.file import load_policy as load_policy
    from safety.policy.model import Policy as Policy
    from safety.protection.decorator import protect as protect
    from safety.types import Action as Action
    from safety.types import Exchange as Exchange
    from safety.types import Finding as Finding
    from safety.types import Hit as Hit
    from safety.types import Origin as Origin
    from safety.types import Outcome as Outcome
    from safety.types import Ran as Ran
    from safety.types import Segment as Segment
    from safety.types import Span as Span
    from safety.types import Stage as Stage
    from safety.types import Verdict as Verdict

_NAMES = {
    "safety.detectors.base": ("Detector", "NoOptions", "Scope"),
    "safety.detectors.canary": ("plant_canary",),
    "safety.errors": (
        "Blocked",
        "ConfigError",
        "MissingExtra",
        "PolicyError",
        "SafetyError",
        "StoreError",
        "WireError",
    ),
    "safety.events.log": ("EventLog",),
    "safety.events.memory": ("MemoryLog",),
    "safety.guard": ("Guard",),
    "safety.policy.file": ("load_policy",),
    "safety.policy.model": ("Policy",),
    "safety.protection.decorator": ("protect",),
    "safety.types": (
        "Action",
        "Exchange",
        "Finding",
        "Hit",
        "Origin",
        "Outcome",
        "Ran",
        "Segment",
        "Span",
        "Stage",
        "Verdict",
    ),
}
_INSIDE = {"plant_canary": "plant"}  # what a name is called in its module, where that is another
_MODULES = {name: module for module, names in _NAMES.items() for name in names}

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """A public name, imported on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), _INSIDE.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
