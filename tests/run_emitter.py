"""An agent that emits through Kafka, and ends with whoever started it.

Arguments: the broker, the topic, how many spans at which steady rate, and how many as fast as it
can once it is told to by SIGUSR1. After each of the two it prints what its library has counted.
"""

from __future__ import annotations

import json
import signal
import sys
import time

from grantline import emit
from grantline.emit.testing import fake_token
from tests.leash import end_with_parent

_GRANTS_EVERY = 50
"""Spans: the others are uses of what was granted last."""


class Agent:
    """Emits, and tells how many of it arrived."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._dl = emit.configure(service_name="planner", exporter=f"kafka://{bootstrap}/{topic}")
        self._token = ""

    def emit(self, spans: int, a_second: float) -> None:
        begin = time.monotonic()
        for number in range(spans):
            time.sleep(max(0.0, begin + number / a_second - time.monotonic()))
            if number % _GRANTS_EVERY == 0:
                self._grant(number)
            else:
                self._dl.use("search", token=self._token)
        self._tell()

    def flood(self, spans: int) -> None:
        """Uses of what was granted before: what is lost of it is missed by nobody."""
        for _ in range(spans):
            self._dl.use("search", token=self._token)
        self._tell()

    def _grant(self, number: int) -> None:
        self._token = fake_token(iss="https://as.example", sub="u-1", jti=f"emitted-{number}")
        self._dl.grant(self._token, method="authorization_code")

    def _tell(self) -> None:
        self._dl.flush(60)
        stats = self._dl.stats()
        counted = {"emitted": stats.emitted, "delivered": stats.delivered, "lost": stats.lost}
        print(json.dumps(counted), flush=True)


def main(bootstrap: str, topic: str, spans: int, a_second: float, flood: int) -> None:
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    agent = Agent(bootstrap, topic)
    agent.emit(spans, a_second)
    signal.sigwait({signal.SIGUSR1})
    agent.flood(flood)
    emit.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
