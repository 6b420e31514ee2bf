"""`kafka://host:port[,host:port][/topic][?security.protocol=...]` and what it connects with.

Security settings are those of `GRANTLINE_KAFKA`, which worker, writer and alert process read too;
`configure(kafka={...})` stands in its place, and the address's query adds what is no secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl

from opentelemetry.sdk.trace.export import SpanExporter

from grantline import kafka_security
from grantline.emit.kafka import DEFAULT_TOPIC, KafkaSpanExporter
from grantline.emit.tally import Tally
from grantline.spelling import instead, nearest

VARIABLE: Final = "GRANTLINE_KAFKA"
COMPRESSION: Final = "GRANTLINE_COMPRESSION"
_FAMILIES: Final = ("security", "sasl", "ssl", "aws")


def exporter(
    url: SplitResult, timeout: float, kafka: Mapping[str, str] | None, tally: Tally
) -> SpanExporter:
    """The exporter for such an address. No error and no log holds a value: it may be a secret."""
    config = _security(kafka)
    if asked := _asked(url, tally):
        if asked.keys() & kafka_security.MECHANISM:  # one setting under two names
            config = {k: v for k, v in config.items() if k not in kafka_security.MECHANISM}
        try:
            config = kafka_security.checked({**config, **asked})
        except ValueError as why:
            raise ValueError(f"exporter: {why}") from None
    topic = url.path.strip("/") or DEFAULT_TOPIC
    return KafkaSpanExporter(
        url.netloc, topic, timeout=timeout, config={**config, **_compression()}
    )


def _compression() -> dict[str, str]:
    """As the worker's variable has it: there are clouds that take one kind only."""
    said = os.environ.get(COMPRESSION, "").strip().lower()
    if not said:
        return {}
    if said not in kafka_security.COMPRESSIONS:
        raise ValueError(f"{COMPRESSION}: use one of {', '.join(kafka_security.COMPRESSIONS)}")
    return {"compression.type": said}


def _security(kafka: Mapping[str, str] | None) -> dict[str, str]:
    source = "kafka" if kafka is not None else VARIABLE
    try:
        if kafka is not None:
            return kafka_security.checked(kafka)
        found: dict[str, str] = kafka_security.parse(os.environ.get(VARIABLE) or "{}")
    except ValueError as why:
        raise ValueError(f"{source}: {why}") from None
    return found


def _asked(url: SplitResult, tally: Tally) -> dict[str, str]:
    """The security settings of the query. One that is like them, and none, must not go in plain."""
    found = {}
    for name, value in parse_qsl(url.query, keep_blank_values=True):
        if name in kafka_security.SECRETS:
            raise ValueError(
                f"exporter: no secrets in the address: put {name} into {VARIABLE} or "
                "configure(kafka={...})"
            )
        if name in kafka_security.NAMES:
            found[name] = value
        elif name.split(".")[0] in _FAMILIES or nearest(name, kafka_security.NAMES):
            hint = instead(name, kafka_security.NAMES)
            raise ValueError(f"exporter: no security setting {name!r}; {hint}")
        else:
            tally.mistake(
                "exporter kafka",
                "exporter: the address's query takes security settings only "
                f"({', '.join(sorted(kafka_security.NAMES - set(kafka_security.SECRETS)))}); "
                "the topic is its path, all else of librdkafka goes into "
                "KafkaSpanExporter(bootstrap, topic, config={...})",
            )
    return found
