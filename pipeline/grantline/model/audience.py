"""Which resource an audience stands for (RFC 7519 `aud`, RFC 8707 and RFC 9728 `resource`).

Only what names a host can be compared with a host. Client ids, URNs and the like are left
undecided, unless the policy says which hosts they stand for. An audience with a path is one
resource of its host and what lies below it, segment by segment; one without is the whole host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from grantline.model.policy import Policy

_ENCODED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443, "grpc": 80, "grpcs": 443}
"""Schemes of which a URL names a resource, and their default ports."""


class Place(NamedTuple):
    """A resource, as URLs name it."""

    host: str
    port: int | None = None
    """None where it is the scheme's, or not told."""
    path: tuple[str, ...] = ()
    """Segments, decoded."""

    def covers(self, other: Place) -> bool:
        """Whether `other` is this resource or lies below it, as far as both tell."""
        if self.host != other.host:
            return False
        if self.port is not None and other.port is not None and self.port != other.port:
            return False
        return not other.path or other.path[: len(self.path)] == self.path

    def __str__(self) -> str:
        if self.port is None and not self.path:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return host + port + "".join(f"/{segment}" for segment in self.path)


def meant_for(audiences: tuple[str, ...] | None, told: str | None, policy: Policy) -> bool | None:
    """Whether what was `told` (a host, or a resource's URL) is one the `audiences` stand for; None
    where that cannot be told.
    """
    if told is None or not audiences:
        return None
    aliases = policy.audience_aliases
    return _meant(audiences, told, aliases) if aliases else _meant_plainly(audiences, told)


def _meant(
    audiences: tuple[str, ...], told: str, aliases: Mapping[str, frozenset[str]]
) -> bool | None:
    place, known = address_place(told), True
    for audience in audiences:
        if place.host == audience.lower():
            return True
        if aliases and (names := aliases.get(audience)) is not None:
            if any((audience_place(name) or Place(name.lower())).covers(place) for name in names):
                return True
            continue
        one = audience_place(audience)
        if one is None:
            known = False
        elif one.covers(place):
            return True
    return False if known else None


@lru_cache(maxsize=16_384)
def _meant_plainly(audiences: tuple[str, ...], told: str) -> bool | None:
    """Cached: a token is mostly shown where many are that look alike."""
    return _meant(audiences, told, {})


@lru_cache(maxsize=65_536)
def audience_place(audience: str) -> Place | None:
    """The resource an audience stands for (RFC 8707), or None where it names no host."""
    scheme, separator, rest = audience.partition("://")
    if separator:
        if scheme.lower() not in _PORTS:
            return None
    else:
        scheme, rest = "", audience
        if "." not in rest or ":" in rest.partition("/")[0].rpartition(":")[0]:
            return None
    return _place(scheme.lower(), rest)


def audience_host(audience: str) -> str | None:
    """The host an audience stands for, or None where it names no host."""
    place = audience_place(audience)
    return None if place is None else place.host


@lru_cache(maxsize=65_536)
def address_place(address: str) -> Place:
    """Where a token was presented: a host (its port tells no resource), or a resource's URL."""
    scheme, separator, rest = address.partition("://")
    place = _place(scheme.lower(), rest) if separator and scheme.lower() in _PORTS else None
    return place or Place(clean_host(address))


def _place(scheme: str, rest: str) -> Place | None:
    """What `host:port/path?query` names; the query names no resource of its own."""
    authority, _, path = rest.partition("#")[0].partition("?")[0].partition("/")
    authority = authority.rpartition("@")[2]
    host = clean_host(authority)
    if not host:
        return None
    _, colon, digits = authority.rpartition(":")
    port = int(digits) if colon and digits.isdecimal() and len(digits) < 6 else None
    return Place(host, None if port == _PORTS.get(scheme) else port, _segments(path))


def _segments(path: str) -> tuple[str, ...]:
    """Without dots (RFC 3986 5.2.4) and empty ones; decoded one by one, so that none grows."""
    segments: list[str] = []
    for segment in map(_decoded, path.split("/")):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    return tuple(segments)


def _decoded(segment: str) -> str:
    """Without percent-encoding (RFC 3986 2.1)."""
    if "%" not in segment:
        return segment
    text = segment.encode("utf-8", "surrogatepass")
    return _ENCODED.sub(lambda found: bytes([int(found[1], 16)]), text).decode("utf-8", "replace")


@lru_cache(maxsize=65_536)
def clean_host(host: str) -> str:
    """A host name without port, brackets, final dot or capitals."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, separator, port = host.rpartition(":")
    if separator and port.isdigit() and ":" not in name:
        host = name
    return host.rstrip(".").lower()
