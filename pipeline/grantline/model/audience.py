"""Which resource an audience stands for (RFC 7519 `aud`, RFC 8707 `resource`).

Only what names a host can be compared with a host. Client ids, URNs and the like are left
undecided, unless the policy says which hosts they stand for.
"""

from __future__ import annotations

from functools import lru_cache

from grantline.model.policy import Policy


def meant_for(audiences: tuple[str, ...] | None, host: str | None, policy: Policy) -> bool | None:
    """Whether `host` is one the `audiences` stand for; None where that cannot be told."""
    if host is None or not audiences:
        return None
    aliases = policy.audience_aliases
    if not aliases and len(audiences) == 1:
        one = audience_host(audiences[0])
        return one == host or host == audiences[0].lower() or (False if one else None)
    known = True
    for audience in audiences:
        alias = aliases.get(audience)
        hosts = alias if alias is not None else {audience_host(audience)}
        if host in hosts or host == audience.lower():
            return True
        known = known and None not in hosts
    return False if known else None


@lru_cache(maxsize=65_536)
def audience_host(audience: str) -> str | None:
    """The host an audience stands for (RFC 8707 resource), or None where it names no host."""
    scheme, separator, rest = audience.partition("://")
    if separator:
        if scheme.lower() not in ("http", "https", "ws", "wss", "grpc", "grpcs"):
            return None
    else:
        rest = audience
        if "." not in rest or ":" in rest.partition("/")[0].rpartition(":")[0]:
            return None
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return clean_host(host) or None


@lru_cache(maxsize=65_536)
def clean_host(host: str) -> str:
    """A host name without port, brackets, final dot or capitals."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    name, separator, port = host.rpartition(":")
    if separator and port.isdigit() and ":" not in name:
        host = name
    return host.rstrip(".").lower()
