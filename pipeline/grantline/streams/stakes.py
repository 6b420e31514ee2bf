"""Stakes: what the transport needs of the worker it moves records for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grantline.streams.custody import Custody
from grantline.streams.metrics import Metrics
from grantline.streams.outlet import Outlet
from grantline.streams.restorer import Restorer


@dataclass(kw_only=True)
class Stakes:
    """Set on the app as `stakes` before it starts."""

    custody: Custody
    outlet: Outlet
    metrics: Metrics
    restorer: Restorer
    hand_on: Callable[[], None]
    """Hands everything to the outlet that its input was worked through for."""
    topic_ids: Mapping[str, str]
