"""Groundedness, the first step: exact checks of an answer against its sources."""

from safety.detectors.groundedness.detector import Groundedness, GroundednessOptions

__all__ = ["Groundedness", "GroundednessOptions"]
