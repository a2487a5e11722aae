"""Personal data: e-mail addresses, phone and card numbers, accounts, network addresses, national ids."""

from safety.detectors.pii.detector import Pii, PiiOptions
from safety.detectors.pii.recognizers import Match

__all__ = ["Match", "Pii", "PiiOptions"]
