"""The broker and decoder fixtures, and the lines that say which of them a run has used."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from typing import Final

import hypothesis
import pytest
from xdist.workermanage import WorkerController

from grantline.compiled import PURE
from grantline.lineage import partition
from grantline.store import columns
from grantline.wire import otlp
from tests.brokers import Broker, NotAvailable, choose, create_topic, guarded
from tests.brokers.guarded import GuardedKafka

# CI tries the same examples each time, so that what fails there is the change at hand; a developer's
# run tries new ones.
hypothesis.settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")

CARGO: Final = os.environ.get("CARGO", "cargo")
"""As setup.py has it: an empty one is none."""
_USED: pytest.StashKey[set[str]] = pytest.StashKey()


def _started(config: pytest.Config) -> Broker:
    broker = choose()
    config.stash.setdefault(_USED, set()).add(broker.name)
    return broker


@pytest.fixture(scope="session")
def broker(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """The broker of this run, started for the first test that asks; no test may stop it."""
    started = _started(pytestconfig)
    yield started
    started.close()


@pytest.fixture(scope="module")
def kafka() -> Iterator[GuardedKafka]:
    """Apache Kafka that asks who you are, shared by a module; skipped where there is none."""
    try:
        broker = guarded.start()
    except NotAvailable as why:
        if os.environ.get("GRANTLINE_REQUIRE_KAFKA", "") not in {"", "0"}:
            raise
        pytest.skip(f"no Apache Kafka: {why}")
    yield broker
    broker.close()


@pytest.fixture
def fresh_broker(pytestconfig: pytest.Config) -> Iterator[Broker]:
    """A broker of one's own, to stop, kill and start; skipped where restarts lose the data."""
    started = _started(pytestconfig)
    try:
        if not started.restartable:
            pytest.skip(f"a restart of the broker loses its data: {started.name}")
        yield started
    finally:
        started.close()


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Creates topics with names nobody else has: `topic("hops", partitions=3)`.

    Takes the session's broker unless another is named: `topic("hops", at=fresh_broker)`.
    """

    def create(
        label: str = "t", partitions: int = 1, at: Broker | None = None, **config: str
    ) -> str:
        chosen: Broker = request.getfixturevalue("broker") if at is None else at
        name = f"{label}-{uuid.uuid4().hex[:12]}"
        settings = {key.replace("_", "."): value for key, value in config.items()}
        return create_topic(chosen.bootstrap, name, partitions, settings)

    return create


@pytest.fixture(scope="module", params=["compiled", "pure"])
def decoder(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs a module's tests with either decoder of OTLP protobuf."""
    if request.param == "compiled" and otlp.decoder() == "pure":
        pytest.skip("the compiled decoder was not built, or GRANTLINE_PURE is set")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "pure":
            patch.setattr(otlp, "_walk", None)
        yield request.param


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist hands the brokers it used to the one that prints."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        used: set[str] = session.config.stash.setdefault(_USED, set())
        output["brokers"] = sorted(used)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: WorkerController) -> None:
    used = node.config.stash.setdefault(_USED, set())
    used.update(getattr(node, "workeroutput", {}).get("brokers", ()))


def pytest_sessionstart() -> None:
    """`GRANTLINE_REQUIRE_COMPILED=1` refuses to test without the compiled modules."""
    required = os.environ.get("GRANTLINE_REQUIRE_COMPILED", "") not in {"", "0"}
    missing = [name for name, compiled in _compiled().items() if not compiled]
    if required and missing:
        why = (
            "GRANTLINE_PURE is set"
            if PURE
            else "install a C compiler and Python's headers (and cargo 1.85 or later, or none), "
            "then `make venv`"
        )
        pytest.exit(f"GRANTLINE_REQUIRE_COMPILED: {', '.join(missing)} not in use; {why}", 1)


def _compiled() -> dict[str, bool]:
    native = {"the native core": columns.columns() == "native"} if shutil.which(CARGO) else {}
    return native | {
        "the compiled decoder": otlp.decoder() == "compiled",
        "the compiled partition hash": partition.murmur2.__module__.endswith("._murmur2"),
    }


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    """Says which broker, decoder and columns were used, just above the closing line."""
    result = yield
    used: set[str] = config.stash.setdefault(_USED, set())
    terminalreporter.write_line(f"decoder: {otlp.decoder()}")
    terminalreporter.write_line(f"writer's columns: {columns.columns()}")
    terminalreporter.write_line(f"broker: {', '.join(sorted(used)) or 'no broker was needed'}")
    return result
