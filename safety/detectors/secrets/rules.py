"""What a rule is, and the rules that detect-secrets has not.

Each rule names texts of which one must stand in every match (``anchors``); a text without any of them is
never given to an expression. The formats are those the services document or that their own tokens show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

SURE = 1.0  # a prefix that the service made to be recognised
SHAPE = 0.7  # a shape that something else could have
LONGEST = 4096  # code points of a token that are read


class Found(NamedTuple):
    """``text[start:end]`` (code points) is a secret of type ``kind``; ``score`` 0 to 1."""

    start: int
    end: int
    kind: str
    score: float


def anything(value: str) -> bool:
    """No check beyond the expression."""
    return bool(value)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret.

    ``pattern`` is tried around each of ``anchors``, from ``before`` code points ahead of it; the secret is
    its ``group``, less ``prefix``. A token is not looked for right after a character of ``glue``, and goes on
    as long as characters of a token follow. ``folded``: the anchors (in lower case) stand in any case.
    """

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    score: float = SURE
    before: int = 0
    after: int = 512
    group: int = 0
    prefix: str = ""
    glue: str = "[0-9A-Za-z]"
    folded: bool = False
    check: Callable[[str], bool] = anything

    def find(self, text: str, anchor: int) -> Iterator[tuple[int, int]]:
        """The spans around the anchor at ``anchor``."""
        end = min(anchor + self.after, len(text))
        if not self.before:
            match = None if self._glued(text, anchor) else self.pattern.match(text, anchor, end)
            matches: Iterable[re.Match[str]] = (match,) if match else ()
        else:
            matches = self.pattern.finditer(text, max(anchor - self.before, 0), end)
        for match in matches:
            span = self._value(text, match)
            if span is not None:
                yield span

    def _glued(self, text: str, start: int) -> bool:
        """Whether what begins at ``start`` is the rest of a longer word."""
        if self.group or self.prefix or not start:
            return False
        return re.match(self.glue, text[start - 1]) is not None

    def _value(self, text: str, match: re.Match[str]) -> tuple[int, int] | None:
        start, end = match.span(self.group)
        if not self.group:
            start += len(self.prefix) if text.startswith(self.prefix, start) else 0
            while start < end and text[start] in _BEFORE:
                start += 1
            while end > start and text[end - 1] in _AFTER:
                end -= 1
            if self._glued(text, start):
                return None
            end = _TAIL.match(text, end).end()  # type: ignore[union-attr]  # it matches nothing, too
        return (start, end) if self.check(text[start:end]) else None


_BEFORE = " \t\r\n\"'=:"  # what expressions of the library take along on either side
_AFTER = " \t\r\n\"'"
_TAIL = re.compile(r"[0-9A-Za-z_]{0,4096}")


def _rule(kind: str, anchors: str, pattern: str, **more: float) -> Rule:
    return Rule(kind, tuple(anchors.split()), re.compile(pattern, re.ASCII), **more)  # type: ignore[arg-type]


OWN: tuple[Rule, ...] = (
    _rule(
        "openai_api_key", "sk-proj- sk-svcacct- sk-admin-", r"sk-(?:proj|svcacct|admin)-[0-9A-Za-z_-]{40,}"
    ),
    _rule("anthropic_api_key", "sk-ant-", r"sk-ant-[0-9a-z]+-[0-9A-Za-z_-]{32,}"),
    _rule("openrouter_api_key", "sk-or-v1-", r"sk-or-v1-[0-9a-f]{64}"),
    _rule("groq_api_key", "gsk_", r"gsk_[0-9A-Za-z]{48,}"),
    _rule("xai_api_key", "xai-", r"xai-[0-9A-Za-z]{70,}"),
    _rule("perplexity_api_key", "pplx-", r"pplx-[0-9A-Za-z]{40,}"),
    _rule("replicate_api_token", "r8_", r"r8_[0-9A-Za-z]{37}"),
    _rule("hugging_face_token", "hf_ api_org_", r"(?:hf_|api_org_)[A-Za-z]{34}"),
    _rule("google_api_key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    _rule("google_oauth_secret", "GOCSPX-", r"GOCSPX-[0-9A-Za-z_-]{28}"),
    _rule("google_oauth_token", "ya29.", r"ya29\.[0-9A-Za-z_-]{20,}"),
    _rule("github_fine_grained_token", "github_pat_", r"github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}"),
    _rule("npm_token", "npm_", r"npm_[0-9A-Za-z]{36}"),
    _rule("npm_token", ":_authToken=", r":_authToken=\s*([0-9A-Za-z_./+=-]{20,})", group=1),
    _rule("slack_token", "xoxe. xoxe- xapp-", r"(?:xoxe[.-]|xapp-)[0-9A-Za-z.-]{20,}"),
    _rule("stripe_access_key", "sk_test_ rk_test_ sk_org_", r"(?:[sr]k_test|sk_org_live)_[0-9A-Za-z]{24,}"),
    _rule("stripe_webhook_secret", "whsec_", r"whsec_[0-9A-Za-z+/=]{32,}"),
    _rule("age_secret_key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _rule("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _rule("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}"),
    _rule("databricks_token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?"),
    _rule("vault_token", "hvs. hvb.", r"hv[sb]\.[0-9A-Za-z_-]{24,}"),
    _rule(
        "azure_ad_client_secret",
        "8Q~ 7Q~",
        r"[0-9A-Za-z_~.]{3}[78]Q~[0-9A-Za-z_~.-]{31,34}",
        before=3,
        after=40,
    ),
    _rule("atlassian_token", "ATATT3 ATCTT3", r"AT[AC]TT3[0-9A-Za-z_=-]{60,}"),
    _rule("linear_api_key", "lin_api_", r"lin_api_[0-9A-Za-z]{40}"),
    _rule("notion_token", "ntn_", r"ntn_[0-9]{10,12}[0-9A-Za-z]{30,}"),
    _rule("postman_api_key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _rule("square_access_token", "sq0atp- EAAA", r"(?:sq0atp-[0-9A-Za-z_-]{22}|EAAA[0-9A-Za-z_-]{60})"),
    _rule("fly_token", "FlyV1 fm2_", r"FlyV1 fm2_[0-9A-Za-z+/=,_-]{80,}", after=LONGEST),
    _rule("bearer_token", "Bearer", r"Bearer\s+([0-9A-Za-z_.~+/-]{24,}=*)", group=1, score=SHAPE),
)
