"""What the detector finds, what it must leave alone, and what it is known to miss. Tests hold all three.

No secret stands here whole: prefixes and bodies are put together when this is imported, so that other
scanners do not take this file for a leak. All bodies are made up.
"""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

_MIXED = "q8Zt3LmW0rKx5VbN7yHc2PdJ9sFgT4aE6uQi1oRwMzXkBvCnGhDjYpSfUe" * 4
_HEX = "3f9a1c7e5b0d8264af13ce97b58d402619e7fa3c" * 4
_CAPITALS = "Q8ZT3LMW7RKX5VBN2YHC4PDJ6SFG" * 4
_LETTERS = "qZtLmWrKxVbNyHcPdJsFgTaEuQioRwMzXkBvCnGhDj"


class Positive(NamedTuple):
    """``value`` stands in ``text`` and is found, with exactly that span, as ``kind``."""

    kind: str
    text: str
    value: str


class Miss(NamedTuple):
    """A secret that is not found, and why."""

    text: str
    why: str


def _token(kind: str, prefix: str, body: str, frame: str = "use {} here") -> Positive:
    return Positive(kind, frame.format(prefix + body), prefix + body)


def _part(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _pem(label: str, lines: int = 4, joint: str = "\n") -> str:
    body = joint.join(_MIXED[k : k + 64] for k in range(lines))
    return f"-----{'BEGIN'} {label}-----{joint}{body}{joint}-----{'END'} {label}-----"


_JWT = f"{_part({'alg': 'HS256'})}.{_part({'sub': '9812', 'name': 'Q'})}.{_MIXED[:43]}"
_RSA = _pem("RSA " + "PRIVATE KEY")
_ONE_LINE = _pem("PRIVATE KEY", joint="\\n")
_PUTTY = f"PuTTY-User-Key-{'File'}-3: ssh-ed25519\nPrivate-Lines: 1\n{_MIXED[:48]}\nPrivate-MAC: {_HEX[:64]}"

POSITIVES = (
    _token("aws_access_key", "AK" + "IA", _CAPITALS[:16]),
    _token("aws_access_key", "AS" + "IA", _CAPITALS[:16], "钥匙是{}。"),
    Positive("aws_secret_key", f'aws_secret_key = "{_MIXED[:40]}"', _MIXED[:40]),
    Positive("azure_storage_key", f"Account{'Key'}={_MIXED[:86]}==;Suffix=x", _MIXED[:86] + "=="),
    _token("github_token", "gh" + "p_", _MIXED[:36]),
    _token("github_fine_grained_token", "github_" + "pat_", f"{_MIXED[:22]}_{_MIXED[:59]}"),
    _token("gitlab_token", "gl" + "pat-", _MIXED[:20]),
    _token("slack_token", "xo" + "xb-", f"{'17653672481'}-{'19874698323'}-{_LETTERS[:24]}"),
    _token(
        "slack_webhook",
        "https://hooks." + "slack.com/services/",
        f"T{_CAPITALS[:8]}/B{_CAPITALS[:8]}/{_MIXED[:24]}",
    ),
    _token("stripe_access_key", "sk_" + "live_", _MIXED[:24]),
    _token("stripe_access_key", "rk_" + "test_", _MIXED[:40]),
    _token("stripe_webhook_secret", "wh" + "sec_", _MIXED[:32]),
    _token("openai_api_key", "s" + "k-", f"{_MIXED[:20]}T3Blbk{'FJ'}{_MIXED[20:40]}"),
    _token("openai_api_key", "s" + "k-proj-", _MIXED[:120]),
    _token("anthropic_api_key", "s" + "k-ant-api03-", _MIXED[:93]),
    _token("openrouter_api_key", "s" + "k-or-v1-", _HEX[:64]),
    _token("groq_api_key", "gs" + "k_", _MIXED[:52]),
    _token("xai_api_key", "xa" + "i-", _MIXED[:80]),
    _token("hugging_face_token", "h" + "f_", _LETTERS[:34]),
    _token("google_api_key", "AI" + "za", _MIXED[:35]),
    _token("google_oauth_secret", "GOC" + "SPX-", _MIXED[:28]),
    _token("google_oauth_token", "ya" + "29.", _MIXED[:60]),
    _token("json_web_token", "", _JWT),
    _token("json_web_token", "", _JWT, "Authorization: Bearer {}\n"),
    _token("sendgrid_key", "S" + "G.", f"{_MIXED[:22]}.{_MIXED[:43]}"),
    _token("twilio_key", "S" + "K", _HEX[:32]),
    _token("telegram_bot_token", "110201543:" + "AA", _MIXED[:33]),
    _token("discord_bot_token", "MTE4", f"{_MIXED[:20]}.{_MIXED[:6]}.{_MIXED[:27]}"),
    _token("npm_token", "np" + "m_", _MIXED[:36]),
    Positive("npm_token", f"//registry.npmjs.org/:_auth{'Token'}={_HEX[:36]}", _HEX[:36]),
    _token("pypi_token", "py" + "pi-AgEIcHlwaS5vcmc", _MIXED[:80]),
    _token("mailchimp_key", "", _HEX[:32] + "-us12"),
    _token("square_oauth_secret", "sq0" + "csp-", _MIXED[:43]),
    _token("artifactory_token", "AK" + "C", _MIXED[:60]),
    _token("age_secret_key", "AGE-SECRET-" + "KEY-1", _CAPITALS[:58]),
    _token("digitalocean_token", "dop_" + "v1_", _HEX[:64]),
    _token("shopify_token", "shp" + "at_", _HEX[:32]),
    _token("databricks_token", "da" + "pi", _HEX[:32]),
    _token("vault_token", "hv" + "s.", _MIXED[:90]),
    _token("azure_ad_client_secret", "q3L8" + "Q~", _MIXED[:34]),
    _token("linear_api_key", "lin_" + "api_", _MIXED[:40]),
    _token("postman_api_key", "PM" + "AK-", f"{_HEX[:24]}-{_HEX[:34]}"),
    Positive("bearer_token", f"Authorization: Bearer {_MIXED[:40]}", _MIXED[:40]),
    Positive("basic_auth", "postgres://bob:" + "s3cr3tPw@db.internal/x", "s3cr3tPw"),
    Positive("private_key", f"here:\n{_RSA}\nkeep it", _RSA),
    Positive("private_key", f'{{"private_key": "{_ONE_LINE}\\n"}}', _ONE_LINE),
    Positive("private_key", f"{_pem('OPENSSH ' + 'PRIVATE KEY')}", _pem("OPENSSH " + "PRIVATE KEY")),
    Positive("private_key", f"{_pem('PGP ' + 'PRIVATE KEY BLOCK')}\n", _pem("PGP " + "PRIVATE KEY BLOCK")),
    Positive("private_key", _RSA.partition("-----END")[0], _RSA.partition("\n-----END")[0]),
    Positive("private_key", f"{_PUTTY}\n", _PUTTY),
    Positive("keyword", 'password = "Tr0ub4dor&3"', "Tr0ub4dor&3"),
    Positive("keyword", "{'db_password': 'x9!kLmPq'}", "x9!kLmPq"),
    Positive("keyword", '"client_secret": "8f7a9c3e2b"', "8f7a9c3e2b"),
    Positive("keyword", "PGPASSWORD=x9kLmPq2 psql", "x9kLmPq2"),
    Positive("keyword", "my password is hunter22, tell nobody", "hunter22"),
    Positive("keyword", "Mein Passwort ist Sommer2024!", "Sommer2024"),
    Positive("keyword", f"X-Api-Key: {_HEX[:32]}", _HEX[:32]),
    Positive("keyword", f"aws_secret_access_key = {_MIXED[:40]}", _MIXED[:40]),
)

NEGATIVES = (
    "",
    "Nothing of note: keys, tokens and passwords in general.",
    "AKIA" + "IOSFODNN7" + "EXAMPLE",
    "export OPENAI_API_KEY=sk-" + "proj-your-api-key-here-and-nothing-else-at-all-really",
    "ghp_" + "x" * 36,
    "api_key: <token>, password: ${PASSWORD}, secret = {{ secret }}",
    "password = os.environ['DB_PASSWORD_1']",
    "password=config.password1, token = get_token(user1)",
    '$password = $_POST["password1"]; password: &output1',
    'password = "changeme1", "password": "Enter your password 1"',
    "postgres://user:password@localhost:5432/db and https://example.com:8080/a@b",
    "The password is required. Password: must have 8 characters",
    "max_tokens=4096, token: str, tokens: 128000, secret: Optional[str]",
    "password: Str0ng" + "_example",
    "sha256 " + _HEX[:64] + " and md5 " + _HEX[:32],
    "-----BEGIN " + "PUBLIC KEY-----\n" + _MIXED[:64] + "\n-----END PUBLIC KEY-----",
    "-----BEGIN " + "PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "-----BEGIN " + "CERTIFICATE-----\n" + _MIXED[:64] + "\n-----END CERTIFICATE-----",
    "eyJust a word. eyJhbGciOiJIUzI1NiJ9 alone, eyJx.eyJy.z",
    "task-ant-hill, risk-proj-plan, disk-or-v1-thing, hf_hub_download, npm_config_registry",
    "id 550e8400-e29b-41d4-a716-446655440000, AC/DC, SKU SK12345, ACTION",
    "data:image/png;base64," + _MIXED[:120],
    "SG.com, ya29.5, AIza, xoxo, whsec_, Bearer token, APARTMENTS",
    'const token = "abc"; secret("x"); if (password == "") {}',
    "https://hooks." + "slack.com/services/ is where webhooks live",
)

MISSES = (
    Miss(f"It is {_HEX[:40]}.", "no prefix and no name: any hash looks so"),
    Miss("my password is correct horse battery staple", "a passphrase of plain words"),
    Miss('password = "letmein"', "a quoted value of small letters may be a label"),
    Miss('if "Tr0ub4dor&3" == x: password', "a value before its word"),
    Miss("password:\nTr0ub4dor&3", "a value on the next line"),
    Miss("gh p_" + _MIXED[:36], "a token with a space in it"),
    Miss(base64.b64encode(("ghp_" + _MIXED[:36]).encode()).decode(), "another encoding"),
    Miss("https://" + "user:password@host.example.com", "the password is the word"),
)
