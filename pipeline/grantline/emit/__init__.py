"""Tell who let which agent do what: two lines to start, one line a fact.

    from uuid import uuid4

    from grantline import emit
    from grantline.emit.testing import fake_token

    def issued(scope):     # your issuer's part: here a new token, visibly fake, at every call
        return fake_token(iss="https://as.example.com", sub="alice", client_id="booker",
                          scope=scope, jti=str(uuid4()))

    dl = emit.configure(service_name="booker", exporter="kafka://localhost:9092/otlp_spans")

    token = issued("calendar.write mail.send")
    dl.grant(token, method="authorization_code", task="book-a-trip")   # a person let us in
    narrow = dl.exchange(lambda: issued("calendar.write"),             # your token exchange
                         subject_token=token, requested_scopes=["calendar.write"])
    with dl.acting_as(narrow):                                # tools and baggage tell of it
        dl.use("create_event", required_scopes=["calendar.write"])     # at the call
    dl.revoke(narrow)
    dl.end("completed", task="book-a-trip")

Tokens are fingerprinted here and never leave. Nothing raises into the agent, and what cannot be
delivered is counted: `dl.stats()`. Its own tracing is left as it is but for one propagator, which is
put around the application's (`grantline.emit.propagator`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Unpack

from grantline.emit.attributes import SCHEMA_URL
from grantline.emit.canonical import Key, delegation_id, fingerprint
from grantline.emit.context import drop_delegation, without_delegation
from grantline.emit.delegation import Delegation
from grantline.emit.emitter import Emitter
from grantline.emit.errors import Mistake, NotRecorded
from grantline.emit.marking import DelegationSpanProcessor
from grantline.emit.settings import Settings
from grantline.emit.tally import LOG, Stats

if TYPE_CHECKING:
    from grantline.emit.kafka import KafkaSpanExporter
    from grantline.emit.keywords import SettingKeywords

__all__ = [
    "SCHEMA_URL",
    "Delegation",
    "DelegationSpanProcessor",
    "Emitter",
    "KafkaSpanExporter",
    "Key",
    "Mistake",
    "NotRecorded",
    "Settings",
    "Stats",
    "configure",
    "delegation_id",
    "drop_delegation",
    "fingerprint",
    "shutdown",
    "without_delegation",
]


def __getattr__(name: str) -> Any:
    """Kafka's client is loaded by those who ask for it: it is half of what the rest costs."""
    if name == "KafkaSpanExporter":
        from grantline.emit.kafka import KafkaSpanExporter  # noqa: PLC0415

        return KafkaSpanExporter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_lock = threading.RLock()
_held: list[Emitter] = []


def configure(**settings: Unpack[SettingKeywords]) -> Emitter:
    """The process's emitter, made at the first call; see `Settings` for what it takes.

    Calling it again is free and returns the same emitter. Other settings do not replace the
    first ones (two emitters would report everything twice): they are named in the log.
    Raises `ValueError` for a wrong setting, `TypeError` for an unknown one, which names the
    right ones.
    """
    with _lock:
        if not _held:
            _held.append(Emitter(Settings.of(**settings)))
        elif settings:
            held = _held[0].settings
            settings.setdefault("service_name", held.service_name)
            if differing := held.differing(Settings.of(**settings)):
                LOG.warning("already configured; not changed: %s", ", ".join(differing))
        return _held[0]


def shutdown() -> None:
    """Deliver what waits and forget the emitter; `configure()` makes a new one."""
    with _lock:
        while _held:
            _held.pop().shutdown()
