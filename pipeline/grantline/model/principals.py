"""Who a presenter is: names from the transport, made comparable.

A SPIFFE id names a workload; the party behind it is its service account, or its last path
segment (https://spiffe.io/docs/latest/spiffe-about/spiffe-concepts/). Replica suffixes are cut
off, because the replicas of one service are one presenter.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SPIFFE = "spiffe://"
_KUBERNETES = "system:serviceaccount:"
_REPLICA_SEGMENTS = ("pod", "instance", "replica")
# How Kubernetes names the pods of a Deployment: the hash of its template, then five letters, of an
# alphabet without vowels and without 0, 1 and 3 (apimachinery, util/rand). A StatefulSet's number is not
# cut off: `planner-7` may as well be an agent's own name.
_POD = re.compile(
    r"(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}", re.ASCII
)


@lru_cache(maxsize=65_536)
def identify(name: str) -> tuple[str, str | None]:
    """(principal, workload identity or None) of a presenter's name."""
    if name.startswith(_SPIFFE):
        segments = [s for s in name[len(_SPIFFE) :].split("/") if s]
        for i, segment in enumerate(segments[1:], start=1):
            if segment in _REPLICA_SEGMENTS and i > 1:
                segments = segments[:i]
                break
        workload = _SPIFFE + "/".join(segments)
        if "sa" in segments[1:-1]:
            return segments[segments.index("sa", 1) + 1], workload
        return (segments[-1] if segments else name), workload
    if name.startswith(_KUBERNETES):
        return name.rpartition(":")[2], name
    pod = _POD.fullmatch(name)
    return (pod[1] if pod is not None else name), None
