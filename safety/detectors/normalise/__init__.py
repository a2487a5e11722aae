"""What a text says when it is read as a model may read it: folded, respelled, decoded.

``views`` gives all readings, ``decoded`` those that came out of an encoding, ``folded`` the plain one;
``read`` says whether a bound cut some off, where the first two raise. Every ``View`` maps back to the
original text.
"""

from safety.detectors.normalise.characters import INVISIBLE, TYPOGRAPHY
from safety.detectors.normalise.fold import fold
from safety.detectors.normalise.reading import Reading, Unreadable, decoded, folded, read, views
from safety.detectors.normalise.view import View

__all__ = [
    "INVISIBLE",
    "TYPOGRAPHY",
    "Reading",
    "Unreadable",
    "View",
    "decoded",
    "fold",
    "folded",
    "read",
    "views",
]
