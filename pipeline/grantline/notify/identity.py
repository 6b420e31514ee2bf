"""The name of one state of one finding, the same however often it is told."""

from __future__ import annotations

from grantline.model.finding import Finding


def dedup_key(finding: Finding) -> str:
    """`<finding id>-<revision>`: what a destination may drop a second copy by. Equal to
    the `ce_id` of the Kafka record.

    Without a dot, because Standard Webhooks joins it to the body with dots.
    """
    return f"{finding.id}-{finding.revision}"
