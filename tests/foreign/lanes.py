"""Lanes: one client, what it speaks, whom it speaks to, and how that writes to Kafka; a topic each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.foreign.clients import CLIENTS, Client

OURS: Final = "grantline.emit"
ENCODINGS: Final = ("otlp_proto", "otlp_json")
OTHERS: Final = ("jaeger_proto", "jaeger_json", "zipkin_proto", "zipkin_json")
"""What else a Collector's Kafka exporter writes."""
REFUSED: Final = {"zipkin_proto": "Zipkin", "zipkin_json": "Zipkin"}
"""Forms that are refused: the name that every rejection has to tell."""
FORMATS: Final = ("protobuf", "json")
"""Of rotel's Kafka exporter."""


@dataclass(frozen=True)
class Lane:
    """`via` is `collector`, `rotel`, or None: straight to Kafka."""

    client: str
    protocol: str
    via: str | None
    encoding: str

    @property
    def name(self) -> str:
        """For topics and files too."""
        parts = (self.client, self.protocol, self.via or "direct", self.encoding)
        return "-".join(parts).replace("/", "_")

    @property
    def refused(self) -> str | None:
        return REFUSED.get(self.encoding)


OWN: Final = Lane(OURS, "kafka", None, "otlp_proto")
"""What the others are held against."""


def lanes(there: Sequence[Client], *, collector: bool, rotel: bool) -> list[Lane]:
    """Ours first; then every client by every way it has."""
    found = [OWN]
    if collector:
        found += [Lane(client.name, protocol, "collector", encoding)
                  for client in there for protocol in client.protocols for encoding in ENCODINGS]  # fmt: skip
        found += [Lane(there[0].name, there[0].protocols[0], "collector", other)
                  for other in OTHERS if there]  # fmt: skip
    if rotel:
        found += [Lane(client.name, client.protocols[0], "rotel", form)
                  for client in there for form in FORMATS]  # fmt: skip
    return found


__all__ = ["CLIENTS", "OWN", "Lane", "lanes"]
