"""What a text says when it is read as a model may read it: folded, respelled, decoded.

``views`` gives all readings, ``decoded`` those that came out of an encoding, ``folded`` the plain one;
``read`` says whether a bound cut some off, where the first two raise. Every ``View`` maps back to the
original text. A ``Reader`` remembers what it read; ``bare`` is for values of a known shape.
"""

from safety.detectors.normalise.bare import Bare, bare, readings
from safety.detectors.normalise.characters import INVISIBLE, TYPOGRAPHY
from safety.detectors.normalise.fold import fold
from safety.detectors.normalise.reader import Reader, ReadingDetector
from safety.detectors.normalise.reading import Reading, Unreadable, decoded, folded, read, views
from safety.detectors.normalise.view import View

__all__ = [
    "INVISIBLE",
    "TYPOGRAPHY",
    "Bare",
    "Reader",
    "Reading",
    "ReadingDetector",
    "Unreadable",
    "View",
    "bare",
    "decoded",
    "fold",
    "folded",
    "read",
    "readings",
    "views",
]
