"""The library's own tracer provider: always sampling, never the application's, no surprises."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Final, cast

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.util.types import AttributeValue

from grantline.emit import clean
from grantline.emit.settings import Settings

SCOPE: Final = "grantline.emit"

# Explicit, so that OTEL_*_LIMIT variables meant for the application's own spans cannot cut
# delegation facts short. No span has more than the 78 attributes of the table.
_LIMITS: Final = SpanLimits(
    max_attributes=128,
    max_span_attributes=128,
    max_link_attributes=8,
    max_links=16,
    max_events=1,
    max_span_attribute_length=SpanLimits.UNSET,
    max_attribute_length=SpanLimits.UNSET,
)


def make_provider(
    settings: Settings, processor: SpanProcessor, notes: clean.Notes
) -> TracerProvider:
    """A provider nobody else sees. The emitter shuts it down, not an exit hook of its own."""
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=_resource(settings, notes),
        shutdown_on_exit=False,
        span_limits=_LIMITS,
    )
    provider.add_span_processor(processor)
    return provider


def _resource(settings: Settings, notes: clean.Notes) -> Resource:
    """The environment's resource with the agent's name; every value made fit to leave."""
    said = {**settings.resource, SERVICE_NAME: settings.service_name}
    found = dict(Resource.create(dict(said)).attributes)
    found.setdefault(SERVICE_INSTANCE_ID, str(uuid.uuid4()))
    return Resource({clean.text(name, notes): _fit(value, notes) for name, value in found.items()})


def _fit(value: AttributeValue, notes: clean.Notes) -> AttributeValue:
    if isinstance(value, str):
        return clean.text(value, notes)
    if isinstance(value, Sequence):  # such as process.command_args
        fit = [clean.text(item, notes) if isinstance(item, str) else item for item in value]
        return cast("AttributeValue", fit)
    return value


def another_instance(resource: Resource) -> Resource:
    """The same service in a forked child, which is an instance of its own."""
    return resource.merge(Resource({SERVICE_INSTANCE_ID: str(uuid.uuid4())}))
