"""What the dashboard is told: one frozen value, checked once, secrets in it by value and never shown.

It reads no file and no environment; that is the command's and the configuration's work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from safety.errors import ConfigError

SHORTEST_TOKEN = 16  # characters: what is shorter can be guessed


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """All that the dashboard needs.

    Args:
        store: the record: a path, or ``postgresql://…``.
        host, port: where to listen; port 0 takes a free one.
        policies: files or names of shipped policies, to be shown and tried. Texts that people call wrongly
            judged become exceptions in the one of these that judged them.
        fanout: ``redis://…`` where proxies say what they write, or nothing: the record itself is followed.
        token_viewer, token_editor: what proves who may look, and who may also unmask and make exceptions.
        oidc_header, oidc_role_header: headers in which ``trusted_proxies`` (addresses or networks) say who
            somebody is, and which roles they have; who has ``oidc_editor`` among those is an editor.
        hosts: names by which browsers reach the dashboard. On loopback its own names are always right; where
            this is empty elsewhere, any name is.
        proxies: base URLs of proxies whose ``/healthz`` is shown.
        alerts: the file of alert rules, if any.
    """

    store: str
    host: str = "127.0.0.1"
    port: int = 8788
    policies: tuple[str, ...] = ("default",)
    fanout: str | None = field(default=None, repr=False)  # may hold a password
    token_viewer: str | None = field(default=None, repr=False)
    token_editor: str | None = field(default=None, repr=False)
    oidc_header: str | None = None
    oidc_role_header: str | None = None
    oidc_editor: str = "editor"
    trusted_proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    alerts: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would let in anybody. ``ConfigError`` says what to set."""
        _check_tokens(self)
        _check_oidc(self)
        if not self.loopback and self.open:
            raise ConfigError(
                f"monitor: {self.host} can be reached by others: set token_viewer_env or token_editor_env"
                " (the name of an environment variable that holds a token), or oidc_header with"
                " trusted_proxies, or listen on 127.0.0.1"
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def open(self) -> bool:
        """Whether nobody needs to prove anything."""
        return not (self.token_viewer or self.token_editor or self.oidc_header)


def is_loopback(host: str) -> bool:
    """Whether ``host``, a name or an address without brackets, is this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _check_tokens(settings: MonitorSettings) -> None:
    for name in ("token_viewer", "token_editor"):
        token = getattr(settings, name)
        if token is not None and len(token) < SHORTEST_TOKEN:
            raise ConfigError(
                f"monitor: {name}: {len(token)} characters can be guessed: use {SHORTEST_TOKEN} or more,"
                " for instance from 'openssl rand -hex 32'"
            )
    if settings.token_viewer is not None and settings.token_viewer == settings.token_editor:
        raise ConfigError("monitor: token_viewer and token_editor are the same: use two different ones")


def _check_oidc(settings: MonitorSettings) -> None:
    for network in settings.trusted_proxies:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ConfigError(
                f"monitor: trusted_proxies: {network!r}: write addresses or networks, such as 10.0.0.0/8"
            ) from None
    if settings.oidc_header and not settings.trusted_proxies:
        raise ConfigError(
            "monitor: oidc_header without trusted_proxies: anybody could send that header: name the addresses"
            " of the proxy that sets it and takes it from everybody else"
        )
    if settings.oidc_role_header and not settings.oidc_header:
        raise ConfigError("monitor: oidc_role_header without oidc_header: name both, or neither")
