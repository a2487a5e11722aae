"""Where an address leads: the host a browser would ask, and what it is made of.

Reads addresses as browsers do (WHATWG URL), not as RFC 3986 has them: backslashes are slashes, tabs and line
ends vanish, ``0x7f.1`` is an IPv4 address, and what stands before ``@`` is no host. It resolves no names and
follows no redirects: a harmless name may lead to an internal address, an allowed host may send on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network
from typing import Literal
from urllib.parse import unquote

HIERARCHIC = frozenset(("http", "https", "ws", "wss", "ftp"))
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_HOST_FIRST = re.compile(r"www\.|[/\\]{2}", re.IGNORECASE)
_VANISHES = re.compile(r"^[\x00-\x20]+|(?<![\x00-\x20])[\x00-\x20]+$|[\t\r\n]")
_AUTHORITY = re.compile(r"[/\\]*([^/\\?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_PORT = re.compile(r":\d*$")
_DOTS = str.maketrans("。．｡", "...")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_EMBEDDED = re.compile(r"(?:^|[.-])(\d{1,3}[.-]\d{1,3}[.-]\d{1,3}[.-]\d{1,3})\.(?:nip|sslip|xip)\.io$")
_NAME = re.compile(r"(?:\*\.)?[\w-]+(?:\.[\w-]+)*")
_MAX_HOST = 1024  # longer ones are no host names; IDNA is not linear

Place = Literal["", "metadata", "loopback", "private"]

# The cloud providers' metadata services: they hand out credentials to whoever asks from inside.
_METADATA = tuple(
    map(
        ip_network,
        ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32", "168.63.129.16/32"),
    )
)
_METADATA_NAMES = frozenset(
    ("metadata.google.internal", "metadata", "instance-data", "metadata.azure.internal")
)
_LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "0.0.0.0/32", "::1/128", "::/128")))
_PRIVATE = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "0.0.0.0/8"),
    )
)
_INSIDE = ("internal", "local", "lan", "corp", "intranet", "home.arpa")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. ``host`` is in lower case and ASCII (IDNA), without port; ``user`` is what
    stands before ``@``; ``path`` of a scheme without hosts is all that follows the colon."""

    scheme: str
    host: str = ""
    user: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""

    @property
    def place(self) -> Place:
        """Whether the host is inside a machine, a network or a cloud, as far as its name tells."""
        return place(self.host)


def parse(url: str) -> Target:
    """``url`` as a browser reads it in a page: character references are resolved, ``www.`` and ``//`` are
    taken for ``https``. A relative one has the scheme ``""``."""
    url = _VANISHES.sub("", html.unescape(url))
    found = _SCHEME.match(url)
    if found is None or url[:4].lower() == "www.":
        return _hierarchic("https", url) if _HOST_FIRST.match(url) else Target("", path=url)
    scheme = found[1].lower()
    rest = url[found.end() :]
    if scheme in HIERARCHIC:
        return _hierarchic(scheme, rest)
    path, _, query = rest.partition("?")
    if scheme == "mailto":
        user, _, host = path.partition(",")[0].rpartition("@")
        return Target(scheme, ascii_host(host), user, query=query)
    return Target(scheme, path=rest)


def _hierarchic(scheme: str, rest: str) -> Target:
    authority, path, query, fragment = _AUTHORITY.match(rest).groups("")  # type: ignore[union-attr]
    user, _, host = authority.rpartition("@")
    return Target(scheme, ascii_host(_PORT.sub("", host)), user, path, query, fragment)


def ascii_host(host: str) -> str:
    """The host in lower case and IDNA; one that is no valid name stays as it is written."""
    host = unquote(host).translate(_DOTS).lower().rstrip(".")
    if host.isascii() or len(host) > _MAX_HOST:
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return host


def address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that ``host`` spells, in any way that browsers accept; an IPv4 address inside an
    IPv6 one is returned as such."""
    if host.startswith("["):
        return _ipv6(host.strip("[]").partition("%")[0])
    parts = host.split(".")
    if len(parts) > 4 or not all(map(_NUMBER.fullmatch, parts)):
        return None
    try:
        *heads, last = (_number(part) for part in parts)
    except ValueError:
        return None
    if any(head > 255 for head in heads) or last >= 256 ** (4 - len(heads)):
        return None
    return IPv4Address(sum(head << 8 * (3 - i) for i, head in enumerate(heads)) + last)


def _number(part: str) -> int:
    if len(part) > 16:
        raise ValueError(part)
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8 if len(part) > 1 and part[0] == "0" else 10)


def _ipv6(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = IPv6Address(text)
    except AddressValueError:
        return None
    if found in _NAT64:
        return IPv4Address(int(found) & 0xFFFFFFFF)
    return found.ipv4_mapped or found.sixtofour or found


def place(host: str) -> Place:
    """See ``Target.place``."""
    embedded = _EMBEDDED.search(host)
    found = address(embedded[1].replace("-", ".") if embedded else host)
    if found is not None:
        networks: tuple[tuple[Place, Iterable[object]], ...] = (
            ("metadata", _METADATA),
            ("loopback", _LOOPBACK),
            ("private", _PRIVATE),
        )
        return next((name for name, all_of in networks if any(found in n for n in all_of)), "")  # type: ignore[operator]
    if host in _METADATA_NAMES:
        return "metadata"
    if host == "localhost" or host.endswith(".localhost"):
        return "loopback"
    inside = "." not in host or host.endswith(tuple("." + name for name in _INSIDE))
    return "private" if inside else ""


class Hosts:
    """A list of host names: ``example.com`` means that host alone, ``*.example.com`` all below it."""

    def __init__(self, names: Iterable[str]) -> None:
        """``ValueError`` for what is no host name."""
        hosts = [_checked(name) for name in names]
        self._exact = frozenset(host for host in hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in hosts if host.startswith("*."))

    def cover(self, host: str) -> bool:
        """Whether ``host`` (as in ``Target``) is on the list."""
        return host in self._exact or host.endswith(self._below)


def _checked(name: str) -> str:
    host = ascii_host(name.strip())
    if not _NAME.fullmatch(host) and not (host.startswith("[") and address(host)):
        raise ValueError(f"allow_hosts: {name!r} is no host: allowed are 'example.com' and '*.example.com'")
    return host
