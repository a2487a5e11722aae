"""Addresses to listen on, as a configuration writes them."""

from __future__ import annotations

import re

from pydantic_core import PydanticCustomError


def address(value: str) -> str:
    """``HOST:PORT`` as it is; an error for pydantic to report otherwise."""
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise PydanticCustomError("address", "write HOST:PORT, with a port from 0 (any free one) to 65535")
    return value


def host_and_port(value: str) -> tuple[str, int]:
    """The two halves; the host without the brackets of an IPv6 address."""
    host, _, port = value.rpartition(":")
    return host.strip("[]"), int(port)


def printed(host: str, port: int) -> str:
    """Both as one, fit for a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
