"""By which clocks a hop tells its time: two facts of one clock need little leeway.

An issuer's own log has one clock, whoever ships it (evidence `issuer`); so has one process. That is
`service.instance.id` within its `service.name`, which replicas share (OpenTelemetry's semantic
conventions: unique for each instance of the same service).
"""

from __future__ import annotations

from functools import lru_cache

from grantline.dialects import issuer_key
from grantline.model.death import NO_CLOCK
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import REVOKE, Hop


def clocks_of(hop: Hop) -> tuple[str, ...]:
    """The names of the clocks that told `hop`; none where nobody knows, `NO_CLOCK` where what was told
    cannot be a time.
    """
    if hop.flags and CLOCK_UNUSABLE in hop.flags:
        return NO_CLOCK
    issuer = None
    if hop.evidence == "issuer":
        issuer = hop.token_issuer
        if issuer is None and hop.operation == REVOKE:
            issuer = hop.subject_issuer
    instance = hop.service_instance
    if issuer is None and instance is None:
        return ()
    return _named(issuer, instance, hop.service)


@lru_cache(maxsize=65_536)
def _named(issuer: str | None, instance: str | None, service: str | None) -> tuple[str, ...]:
    """Cached, so that all that one clock told shares one value."""
    names = []
    if issuer is not None:
        names.append("issuer " + issuer_key(issuer))
    if instance is not None:
        names.append(f"instance {instance} of {service or ''}")
    return tuple(names)
