"""A broker that is away is told with the reason, whichever of the client's calls meets it first."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from grantline.notify.console import ConsoleNotifier
from grantline.notify.reader import Reader
from grantline.notify.settings import AlertSettings

NOWHERE = "127.0.0.1:1"


def test_the_reason_is_told_though_the_search_for_the_topic_came_before_it(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """On a busy machine the first search ends before the client's complaint is fetched."""
    settings = AlertSettings(bootstrap=NOWHERE, data_dir=tmp_path, notifiers=(ConsoleNotifier(),))
    with closing(Reader(settings, lambda _: {})) as reader:
        reader._look()
        assert not caplog.messages
        ends = time.monotonic() + 10
        while not caplog.messages and time.monotonic() < ends:
            reader.read()
    assert "Connection refused" in caplog.messages[0]
