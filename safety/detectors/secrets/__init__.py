"""Credentials: keys and tokens of known services, private keys, passwords in addresses and assignments."""

from safety.detectors.secrets.detector import Secrets, SecretsOptions
from safety.detectors.secrets.rules import Found

__all__ = ["Found", "Secrets", "SecretsOptions"]
