"""The client that declares the topics."""

from __future__ import annotations

import gc
import weakref

import pytest

from grantline.streams import topics
from grantline.streams.settings import WorkerSettings

_NOBODY = WorkerSettings(bootstrap="127.0.0.1:1")


def test_a_client_goes_as_soon_as_nobody_holds_it() -> None:
    """Nothing is left to the garbage collector, which may run in the client's own thread."""
    gc.disable()
    try:
        client = topics.Admin(_NOBODY)
        gone = weakref.ref(client)
        client.poll(0)
        del client
        assert gone() is None
    finally:
        gc.enable()


def test_a_client_says_what_it_last_complained_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_SECONDS", 0.5)
    monkeypatch.setattr(topics, "_SLICE_SECONDS", 0.5)
    with pytest.raises(topics.TopicError, match=r"127\.0\.0\.1:1.*[Cc]onnect"):
        topics.existing(_NOBODY)
