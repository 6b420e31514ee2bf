"""The examples that people paste do run, and tell what they say they tell."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline import emit
from grantline.emit.testing import capture, fake_token
from tests.unit.emit.example_agent import book_a_trip


def _example() -> str:
    assert emit.__doc__ is not None
    return textwrap.dedent(emit.__doc__.split("\n\n", 1)[1].rsplit("\n\n", 1)[0])


def test_the_example_of_the_package_runs_as_it_is_printed() -> None:
    """In a file of its own: nothing is left for the reader to fill in."""
    exporter = InMemorySpanExporter()
    emit.shutdown()
    emit.configure(service_name="booker", exporter=exporter)
    try:
        exec(_example(), {})
    finally:
        emit.shutdown()
    assert [span.name for span in exporter.get_finished_spans()] == [
        "grant booker",
        "delegate booker",
        "use create_event",
        "revoke token",
        "end completed",
    ]


def test_the_readme_has_the_same_example() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    assert f"```python\n{_example()}\n```" in readme


def test_the_example_agent_tells_its_whole_task_under_one_root() -> None:
    with capture(service_name="planner") as seen:
        asyncio.run(book_a_trip(seen.emitter))
        facts = seen.facts()
        notes = seen.emitter.stats().notes
    assert [fact.operation for fact in facts] == [
        "grant",
        "consent",
        "delegate",
        "delegate",
        "approve",
        "use",
        "revoke",
        "end",
    ]
    root = facts[0]["id"]
    assert {fact["root.id"] for fact in facts} == {root}
    assert {fact["task.id"] for fact in facts} == {"book-a-trip"}
    assert facts[2]["decision.reason"] == "invalid_scope"
    assert facts[5]["depth"] == 1
    assert "error" not in notes


def test_a_fake_token_says_that_it_is_one() -> None:
    signature = fake_token(sub="u").rsplit(".", 1)[1]
    assert signature == "ZmFrZS1zaWduYXR1cmUtZm9yLXRlc3Rz"  # "fake-signature-for-tests"
