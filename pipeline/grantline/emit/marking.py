"""For those who want it: the current delegation's ids on the application's own spans.

Nothing installs this. Such spans go wherever the application's exporter sends them, which may be
outside of the house; the pipeline passes over them, since they tell of no operation.
"""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from grantline.emit import baggage
from grantline.emit.context import acting


class DelegationSpanProcessor(SpanProcessor):
    """`provider.add_span_processor(DelegationSpanProcessor())`: `delegation.id`, `.root.id`,
    `.depth` and `.task.id` of what is current when a span starts.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Mark the span; told by the context it starts in."""
        around = acting(parent_context)
        if around is not None:
            members = baggage.members(around.delegation)
            depth = members.pop(baggage.DEPTH, None)
            span.set_attributes(members)
            if depth is not None:
                span.set_attribute(baggage.DEPTH, int(depth))
