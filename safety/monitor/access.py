"""Who may look, and as what: one pure decision, and what it needs to know about a request.

On loopback everybody on this machine may, unless tokens or trusted headers are set; the ``Host`` header must
then name this machine, because a page elsewhere can point its own name here (DNS rebinding). Elsewhere only
with a token or through a proxy that is trusted to say who somebody is. Serving and answering is ``guarded``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address, ip_network

from safety.monitor.settings import MonitorSettings, is_loopback

SESSION_SECONDS = 12 * 3600
MAX_NAME = 80  # code points of what somebody calls themselves


class Role(IntEnum):
    """What somebody may do. Ordered: an editor may all that a viewer may."""

    VIEWER = 1
    EDITOR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks. ``mark`` ties forms to them: no two sessions share one. ``by`` is how they were let in:
    ``loopback``, ``session``, ``token`` or ``oidc``."""

    name: str
    role: Role
    by: str
    mark: str = ""

    @property
    def may_edit(self) -> bool:
        """Whether they may unmask excerpts and make exceptions."""
        return self.role >= Role.EDITOR


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not, with the HTTP status: 401 asks to sign in, 403 does not."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request matters. ``peer`` is the address it comes from; ``session`` whom its cookie proves;
    ``user`` and ``roles`` are all values of the trusted headers."""

    host: str
    peer: str | None
    bearer: str | None = None
    session: Visitor | None = None
    user: Sequence[str] = ()
    roles: Sequence[str] = ()


def admit(settings: MonitorSettings, asked: Asked) -> Visitor | Refused:
    """Who this is, or why they may not look."""
    wrong = misdirected(settings, asked.host)
    if wrong is not None:
        return wrong
    if settings.open:
        return Visitor("somebody on this machine", Role.EDITOR, "loopback", "loopback")
    if asked.bearer is not None:
        role = role_of(settings, asked.bearer)
        if role is None:
            return Refused(401, "that token is not known here")
        return Visitor(f"token ({role})", role, "token", f"token {role}")
    return _by_header(settings, asked) or asked.session or Refused(401, "sign in to look at the record")


def misdirected(settings: MonitorSettings, host: str) -> Refused | None:
    """The refusal of a request that was meant for another name."""
    if not settings.loopback and not settings.hosts:
        return None
    name = host_name(host)
    known = {one.lower() for one in settings.hosts}
    if name in known or host.lower() in known or (settings.loopback and is_loopback(name)):
        return None
    return Refused(403, "asked for by a name that is not this dashboard's: add it to 'hosts' if it is")


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def role_of(settings: MonitorSettings, token: str) -> Role | None:
    """What a token proves. Takes as long whichever character is wrong."""
    given, found = token.encode("utf-8", "replace"), None
    for known, role in ((settings.token_viewer, Role.VIEWER), (settings.token_editor, Role.EDITOR)):
        if known is not None and hmac.compare_digest(known.encode(), given):
            found = role
    return found


def _by_header(settings: MonitorSettings, asked: Asked) -> Visitor | Refused | None:
    if settings.oidc_header is None or not asked.user:
        return None
    if not trusted(settings, asked.peer):
        return None  # as good as not sent
    if len(asked.user) > 1 or not asked.user[0].strip():
        return Refused(403, "more than one name, or none, in the header that says who you are")
    roles = {role.strip() for value in asked.roles for role in value.split(",")}
    role = Role.EDITOR if settings.oidc_editor in roles else Role.VIEWER
    name = asked.user[0].strip()[:MAX_NAME]
    return Visitor(name, role, "oidc", f"oidc {name}")


def trusted(settings: MonitorSettings, peer: str | None) -> bool:
    """Whether ``peer`` is a proxy whose headers are believed."""
    try:
        address = ip_address(peer or "")
    except ValueError:
        return False
    return any(address in ip_network(network, strict=False) for network in settings.trusted_proxies)


class Sessions:
    """Cookies that prove who signed in, and tokens that tie forms to them. Signed with a key of this process:
    all sessions end with it."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key
        self._ended: dict[str, float] = {}  # marks of sessions that were signed out of, until when they held

    def begin(self, name: str, role: Role, now: float) -> str:
        """A new cookie. ``now`` is in seconds since 1970."""
        mark = secrets.token_urlsafe(16)
        said = "\n".join((str(int(now + SESSION_SECONDS)), str(int(role)), mark, name[:MAX_NAME]))
        body = urlsafe_b64encode(said.encode("utf-8", "replace")).decode()
        return f"{body}.{self._sign('session', body)}"

    def read(self, cookie: str, now: float) -> Visitor | None:
        """Whom a cookie proves; nobody for one that is altered, too old or signed out of."""
        found = self._opened(cookie)
        if found is None or found[0] <= now or found[1].mark in self._ended:
            return None
        return found[1]

    def end(self, mark: str, now: float) -> None:
        """Sign out: the session with this mark proves nothing from now on."""
        self._ended = {one: until for one, until in self._ended.items() if until > now}
        self._ended[mark] = now + SESSION_SECONDS

    def form_token(self, mark: str) -> str:
        """What a form for the visitor with this mark must bring back."""
        return self._sign("form", mark)

    def form_is_ours(self, mark: str, token: str) -> bool:
        """Whether a form was made for the visitor with this mark."""
        return hmac.compare_digest(self.form_token(mark).encode(), token.encode("utf-8", "replace"))

    def _opened(self, cookie: str) -> tuple[float, Visitor] | None:
        body, _, signature = cookie.partition(".")
        right = hmac.compare_digest(
            self._sign("session", body).encode(), signature.encode("utf-8", "replace")
        )
        if not right:
            return None
        try:
            until, role, mark, name = urlsafe_b64decode(body).decode().split("\n", 3)
        except (ValueError, NotBase64):
            return None
        return float(until), Visitor(name, Role(int(role)), "session", mark)

    def _sign(self, what: str, text: str) -> str:
        return hmac.new(self._key, f"{what}:{text}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
