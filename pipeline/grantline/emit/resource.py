"""Who tells: the agent's OpenTelemetry resource, every value made fit to leave."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from typing import cast

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.util.types import AttributeValue

from grantline.emit import clean
from grantline.emit.settings import Settings


def make_resource(settings: Settings, notes: clean.Notes) -> Resource:
    """The environment's resource with the agent's name."""
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
    """The same service in a forked child, which is an instance and a process of its own."""
    own = {"process.pid": os.getpid(), "process.parent_pid": os.getppid()}
    told = {name: pid for name, pid in own.items() if name in resource.attributes}
    return resource.merge(Resource({SERVICE_INSTANCE_ID: str(uuid.uuid4()), **told}))
