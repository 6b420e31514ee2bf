"""The web pages: /health, /ready and /metrics, beside those that Faust has itself.

They show; they take no input and hold no value from a span.
"""

from __future__ import annotations

from typing import Any

import faust
from faust.web import Request, Response, View

from grantline.streams.custody import Custody
from grantline.streams.metrics import Metrics

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_UNAVAILABLE = 503


def add(app: faust.App, custody: Custody, metrics: Metrics) -> None:
    """Adds the pages to `app`."""

    @app.page("/health", name="health")
    async def health(view: View, _request: Request) -> Response:
        """200 while the event loop turns; a worker that cannot go on ends itself."""
        return view.json({"status": "ok"})

    @app.page("/ready", name="ready")
    async def ready(view: View, _request: Request) -> Response:
        """200 when every assigned partition is live, 503 while state is rebuilt."""
        is_ready = custody.ready and not app.rebalancing
        partitions = [
            {
                "topic": topic,
                "partition": partition,
                "next_offset": fold.next_offset,
                "live_from": fold.live_from,
                "live": not fold.replaying,
            }
            for (topic, partition), fold in sorted(custody.folds.items())
        ]
        partitions += [
            {"topic": topic, "partition": partition, "live_from": committed, "live": False}
            for (topic, partition), committed in sorted(custody.waiting.items())
        ]
        body = {"ready": is_ready, "rebalancing": app.rebalancing, "partitions": partitions}
        return view.json(body, status=200 if is_ready else _UNAVAILABLE)

    @app.page("/metrics", name="grantline_metrics")
    async def show(view: View, _request: Request) -> Response:
        """Prometheus text format."""
        metrics.show("grantline_ready", float(custody.ready and not app.rebalancing))
        return view.bytes(metrics.exposition(), headers={"Content-Type": _PROMETHEUS})

    _: Any = (health, ready, show)
