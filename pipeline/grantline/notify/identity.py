"""The name of one state of one finding, the same however often it is told."""

from __future__ import annotations

import hashlib
import re

from grantline.model.finding import Finding

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


def dedup_key(finding: Finding) -> str:
    """`<finding id>-<revision>`: what a destination may drop a second copy by. Equal to
    the `ce_id` of the Kafka record.

    Without a dot, because Standard Webhooks joins it to the body with dots. An id that is not
    plain (ours are `fnd_` and hex digits) is hashed, so that it can stand in an HTTP header.
    """
    name = finding.id
    if not _PLAIN.fullmatch(name):
        name = "sha256_" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name}-{finding.revision}"
