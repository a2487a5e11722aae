"""The rules of detect-secrets: its compiled expressions, tied to the texts that must stand in a match.

Its scanner reads files line by line under process-wide settings and can ask a service whether a key works.
None of that is used: no settings, no files, no network. Left out are its public IP addresses (no secrets),
the keys of IBM Cloud, SoftLayer and Cloudant (any 44 characters after "key"; services that are gone) and
Artifactory passwords ("AP" and letters, as in "APARTMENTS"). It is imported when a detector is built.
"""

from __future__ import annotations

import importlib
import re
import string
from collections.abc import Callable, Iterator
from typing import Any

from safety.detectors.secrets.rules import LONGEST, SHAPE, SURE, Rule

_ALNUM = string.digits + string.ascii_lowercase
# A Discord token begins with the base64 of the digits of a number.
_DISCORD = tuple(a + b + c for a in "MNO" for b in "DTjz" for c in "AEIMQUYcgk")
# plugin module, class, kind, position in its denylist (none: all), anchors, further fields of the rule
_PLUGINS: tuple[tuple[str, str, str, int | None, tuple[str, ...], dict[str, Any]], ...] = (
    ("aws", "AWSKeyDetector", "aws_access_key", 0, ("AKIA", "ASIA", "ABIA", "ACCA", "A3T"), {}),
    ("aws", "AWSKeyDetector", "aws_secret_key", 1, ("aws",), {"folded": True, "group": 1, "after": 120}),
    (
        *("azure_storage_key", "AzureStorageKeyDetector", "azure_storage_key", 0, ("AccountKey=",)),
        {"prefix": "AccountKey="},
    ),
    (
        "artifactory",
        "ArtifactoryDetector",
        "artifactory_token",
        0,
        ("AKC",),
        {"before": 1, "after": 90, "score": SHAPE},
    ),
    ("basic_auth", "BasicAuthDetector", "basic_auth", 0, ("://",), {"group": 1, "score": 0.8}),
    ("discord", "DiscordBotTokenDetector", "discord_bot_token", 0, _DISCORD, {"score": 0.8}),
    ("github_token", "GitHubTokenDetector", "github_token", 0, ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), {}),
    (
        *("gitlab_token", "GitLabTokenDetector", "gitlab_token", None),
        (
            "glpat-",
            "gldt-",
            "glft-",
            "glsoat-",
            "glrt-",
            "GR1348941",
            "glcbt-",
            "glimt-",
            "glptt-",
            "glagent-",
            "gloas-",
        ),
        {"after": 1100},
    ),
    ("mailchimp", "MailchimpDetector", "mailchimp_key", 0, ("-us",), {"before": 32, "after": 6}),
    ("openai", "OpenAIDetector", "openai_api_key", 0, ("T3BlbkFJ",), {"before": 200, "after": 28}),
    ("pypi_token", "PypiTokenDetector", "pypi_token", None, ("pypi-AgE",), {}),
    ("sendgrid", "SendGridDetector", "sendgrid_key", 0, ("SG.",), {}),
    ("slack", "SlackDetector", "slack_token", 0, tuple(f"xox{c}-" for c in "abposr"), {}),
    ("slack", "SlackDetector", "slack_webhook", 1, ("https://hooks.slack.com/services/T",), {}),
    ("square_oauth", "SquareOAuthDetector", "square_oauth_secret", 0, ("sq0csp-",), {}),
    ("stripe", "StripeDetector", "stripe_access_key", 0, ("sk_live_", "rk_live_"), {}),
    # The part after the colon begins with AA in every token that is issued.
    (
        "telegram_token",
        "TelegramBotTokenDetector",
        "telegram_bot_token",
        0,
        (":AA",),
        {"before": 10, "after": 36},
    ),
    (
        *("twilio", "TwilioKeyDetector", "twilio_key", None),
        tuple(prefix + c for prefix in ("AC", "SK") for c in _ALNUM),
        {"score": SHAPE},
    ),
)
KINDS = (*(row[2] for row in _PLUGINS), "json_web_token")
ENTROPY_KINDS = ("hex_high_entropy_string", "base64_high_entropy_string")
# Header and payload must decode to JSON; the library's expression leaves the signature out of its match.
_JWT = re.compile(r"eyJ[0-9A-Za-z_=-]+\.[0-9A-Za-z_=-]+(?:\.[0-9A-Za-z_=-]*)?")


def _plugin(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), name)


def rules() -> Iterator[Rule]:
    """The library's rules for tokens."""
    for module, name, kind, position, anchors, more in _PLUGINS:
        denylist = list(_plugin(module, name).denylist)
        for pattern in denylist if position is None else [denylist[position]]:
            yield Rule(kind, anchors, pattern, **{"score": SURE, **more})
    valid = _plugin("jwt", "JwtTokenDetector").is_formally_valid
    glue = "[0-9A-Za-z_.-]"
    yield Rule(
        "json_web_token",
        ("eyJ",),
        _JWT,
        0.9,
        after=LONGEST,
        glue=glue,
        check=lambda token: bool(valid(token)),
    )


def assignments() -> tuple[tuple[re.Pattern[str], int], ...]:
    """The library's expressions for ``password = "…"`` and the like, each beginning at the word, with the
    group that holds the value."""
    keyword = importlib.import_module("detect_secrets.plugins.keyword")
    backward = keyword.PRECEDED_BY_EQUAL_COMPARISON_SIGNS_QUOTES_REQUIRED_REGEX  # "…" == password
    return tuple(
        (pattern, group)
        for pattern, group in keyword.QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP.items()
        if pattern is not backward
    )


def private_key_headers() -> re.Pattern[str]:
    """What the first line of a private key says."""
    headers = (pattern.pattern for pattern in _plugin("private_key", "PrivateKeyDetector").denylist)
    return re.compile("|".join(headers))


def sequential() -> Callable[[str], bool]:
    """Whether a text is a piece of the alphabet or of the digits."""
    heuristic: Any = importlib.import_module("detect_secrets.filters.heuristic")
    test: Callable[[str], bool] = heuristic.is_sequential_string
    return test


def entropy() -> tuple[tuple[str, re.Pattern[str], Callable[[str], float], float], ...]:
    """Kind, expression for a quoted string (group 2), entropy in bits, and the limit above which the library
    calls it a secret."""
    names = ("HexHighEntropyString", "Base64HighEntropyString")
    plugins = [_plugin("high_entropy_strings", name)() for name in names]
    return tuple(
        (kind, p.regex, p.calculate_shannon_entropy, p.entropy_limit)
        for kind, p in zip(ENTROPY_KINDS, plugins, strict=True)
    )
