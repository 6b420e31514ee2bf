"""What an engine has to say, once it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grantline.model.finding import Finding
from grantline.model.hop import Hop


class Outcome(NamedTuple):
    """What an engine has to say."""

    findings: Sequence[Finding] = ()
    hops: Sequence[Hop] = ()
    """Hops whose root is now known, to be sent on as ingest would."""
