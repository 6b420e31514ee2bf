"""The examples that people paste do run, and tell what they say they tell."""

from __future__ import annotations

import asyncio
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from grantline import emit
from grantline.emit.testing import capture, fake_token
from tests.unit.emit.example_agent import book_a_trip
from tests.unit.emit.vectors import D0, D1, T0, T1


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


def _section(title: str) -> str:
    """The Python of one section of the README."""
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    section = readme.split(f"### {title}\n")[1].split("\n#")[0]
    return section.split("```python\n")[1].split("```")[0]


def test_the_readmes_words_on_agents_tools_and_threads_run() -> None:
    with capture() as seen, ThreadPoolExecutor(1) as pool:
        seen.emitter.grant(T1, task="t")
        exec(_section("Agents, tools and threads of one process"), {
            "dl": seen.emitter, "narrow": T1, "pool": pool,
        })  # fmt: skip
        pool.shutdown()
        facts = seen.facts()
    assert [fact.operation for fact in facts] == ["grant", "delegate", "use", "use", "use"]
    handed, first, *others = (fact["id"] for fact in facts[1:])
    assert first == handed
    assert others == [D1, D1]
    assert facts[1]["actor.id"] == "researcher"


def test_the_readmes_words_on_the_server_run() -> None:
    caller = {"baggage": f"delegation.id={D1},delegation.root.id={D0}"}
    with capture() as seen:
        exec(_section("At the server"), {
            "dl": seen.emitter, "request": SimpleNamespace(headers=caller), "bearer": T1,
            "claims": {"iss": "https://as.example.com", "sub": "u"}, "client_id": "booker",
        })  # fmt: skip
        (fact,) = seen.facts()
    assert (fact["id"], fact["root.id"], fact["evidence"]) == (D1, D0, "verified_token")
    assert (fact["presenter.id"], fact["decision.outcome"]) == ("booker", "allow")


def test_the_readmes_test_runs() -> None:
    def my_agent(dl: emit.Emitter) -> None:
        dl.grant(T0)
        dl.delegate(T1, subject_token=T0)
        dl.use("find", token=T1)

    names: dict[str, Any] = {"my_agent": my_agent}
    exec(_section("In tests"), names)
    names["test_my_agent"]()


def test_the_readmes_carriers_are_read_at_the_other_side() -> None:
    heard: list[Any] = []

    class Client:
        async def call_tool(self, _name: str, _arguments: Any, *, meta: Any) -> None:
            heard.append(meta)

    code = _section("In another process")
    with capture() as seen:
        names = {
            "dl": seen.emitter, "narrow": T1, "url": "http://crm.svc/find", "client": Client(),
            "requests": SimpleNamespace(get=lambda _url, headers: heard.append(headers)),
            "stub": SimpleNamespace(Find=lambda _query, metadata: heard.append(metadata)),
            "query": None,
        }  # fmt: skip
        exec("async def main():\n" + textwrap.indent(code, "    "), names)
        asyncio.run(names["main"]())  # type: ignore[operator]
        assert len(heard) == 3
        for carrier in heard:
            with seen.emitter.receive(carrier):
                current = seen.emitter.current()
            assert current is not None
            assert current.id == D1


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


def test_a_failed_assertion_on_a_fact_shows_what_it_tells() -> None:
    with capture() as seen:
        seen.emitter.grant(T1, task="book-a-trip")
        (fact,) = seen.facts()
    assert "'delegation.operation.name': 'grant'" in repr(fact)
    assert "'book-a-trip'" in repr(fact)
    assert T1 not in repr(fact)
