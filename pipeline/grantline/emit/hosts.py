"""Which hosts belong to the house, and where the current client span is going."""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.trace import Span, SpanKind

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
# A single label that begins with a digit may be an address: 2130706433, 0x7f000001.
_SINGLE: Final = re.compile(r"[a-z](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_INSIDE: Final = re.compile(rf"(?:{_LABEL}\.)+(?:svc|svc\.cluster\.local|internal|localhost)")
"""Kubernetes services, the reserved top-level domain for private networks, RFC 6761 6.3."""
_ODD: Final = re.compile(r"[\s\\\x00-\x1f\x7f]")
"""In no URL; clients disagree about where the host ends."""
_GOING_OUT: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
_NAMES: Final = ("server.address", "url.full", "http.url", "net.peer.name", "http.host")
"""Attributes that name the destination: the stable conventions for HTTP, RPC and messaging, and
the older ones that instrumentations still write by default."""
_ADDRESSES: Final = ("network.peer.address", "net.sock.peer.addr", "net.peer.ip")
"""Asked only where no name is known: a service's pods have addresses of their own."""


def destinations(span: Span) -> tuple[str, ...]:
    """Every host or URL that a client's or producer's span names as its destination.

    Empty where it is not known: a span that does not record, another kind of span, none.
    """
    if not span.is_recording() or getattr(span, "kind", None) not in _GOING_OUT:
        return ()
    said = getattr(span, "attributes", None)
    if not isinstance(said, Mapping):
        return ()
    for group in (_NAMES, _ADDRESSES):
        found = [host for name in group if said.get(name) for host in _each(str(said[name]))]
        if found:
            return tuple(found)
    return ()


def _each(value: str) -> list[str]:
    """The hosts of one attribute: aiokafka's instrumentation writes its brokers as JSON."""
    if value[:1] not in ('"', "["):
        return [value]
    try:
        told = json.loads(value)
    except ValueError:
        return [value]  # an IPv6 address
    brokers = told if isinstance(told, list) else [told]
    return [host for each in brokers for host in str(each).split(",")] or [value]


def allowed(host: str, patterns: Sequence[str] = ()) -> bool:
    """Whether a host (or URL) may be told the delegation: it is our own, or on the list.

    Our own are loopback, names of one label, `*.svc`, `*.svc.cluster.local` and `*.internal`.
    """
    name = _name(host)
    if not name:
        return False
    listed = name.rstrip(".")
    return _own(name) or any(fnmatch.fnmatchcase(listed, p.lower()) for p in patterns)


def _name(host: str) -> str:
    """The lower-case host of a URL, of `host[:port]` or of an IPv6 address; else empty.

    A port that is no number raises: `dns:evil.example:443` has no host called dns.
    """
    if _ODD.search(host):
        return ""
    if host.count(":") > 1 and "/" not in host and "[" not in host:
        host = f"[{host}]"
    try:
        url = urlsplit(host if "//" in host else f"//{host}")
        name, _ = url.hostname, url.port
    except ValueError:
        return ""
    return name or ""


def _own(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return (
            _SINGLE.fullmatch(name) is not None  # "name." would be a top-level domain
            or _INSIDE.fullmatch(name.rstrip(".")) is not None
        )
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def shown(host: str) -> str:
    """The host alone, for the log: a URL's path and query are the application's."""
    return _name(host) or "a host that cannot be read"
