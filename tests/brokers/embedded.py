"""The embedded broker as a broker for tests: always there, in memory, not restartable."""

from __future__ import annotations

from grantline.embedded import BrokerError, EmbeddedBroker
from tests.brokers.kind import Broker, NotAvailable


class Embedded:
    """Tansu in memory; a stop loses everything, so no test may stop it."""

    name = EmbeddedBroker.name
    restartable = False

    def __init__(self) -> None:
        self._broker = EmbeddedBroker()
        self.bootstrap = self._broker.bootstrap

    def start(self) -> None:
        self._broker.start()

    def stop(self) -> None:
        self._broker.stop()

    def kill(self) -> None:
        self._broker.stop()

    def close(self) -> None:
        self._broker.stop()


def start() -> Broker:
    """A running embedded broker; raises `NotAvailable` without the extra `embedded`."""
    broker = Embedded()
    try:
        broker.start()
    except BrokerError as error:
        raise NotAvailable(str(error)) from error
    return broker
