"""The loss counter as an OpenTelemetry metric, in whatever meter provider the agent has.

Reads the application's metrics API and sets nothing: without a provider it costs nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Observation, get_meter

from grantline.emit.tally import Tally

DROPPED = "delegation.sdk.dropped"


def publish(tally: Tally, scope: str) -> None:
    """Publish `delegation.sdk.dropped` by reason, for as long as the tally lives."""
    alive = weakref.ref(tally)

    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        found = alive()
        if found is None:
            return []
        dropped = found.stats().dropped
        return [Observation(count, {"error.type": reason}) for reason, count in dropped.items()]

    get_meter(scope).create_observable_counter(
        DROPPED, [observe], unit="{span}", description="Delegation spans that were lost"
    )
