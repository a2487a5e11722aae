"""Signatures of prompt attacks, and the detector that matches them."""

from safety.detectors.prompt_shield.detector import SIGNATURES, PromptShield, PromptShieldOptions
from safety.detectors.prompt_shield.signature import KINDS, LANGUAGES, Signature

__all__ = ["KINDS", "LANGUAGES", "SIGNATURES", "PromptShield", "PromptShieldOptions", "Signature"]
