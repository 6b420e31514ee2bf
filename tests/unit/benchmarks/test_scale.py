"""The plan adds up, its limits are in order, and the queue it is computed from behaves like one."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.scale import constants, tables
from tests.benchmarks.scale.constants import Assumed, Defaults, Measured
from tests.benchmarks.scale.limits import ENGINE, MACHINES, TABLE, first, hottest_chain, limits
from tests.benchmarks.scale.plan import DAY, Plan, hops_a_frame, plan, wire_bytes, worker_us
from tests.benchmarks.scale.queueing import (
    Queue,
    lag_seconds,
    p99_seconds,
    queue_of,
    simulate,
    skew_computed,
    skew_simulated,
)

MEASURED, SOURCES = constants.load()
ASSUMED = Assumed()
DEFAULTS = Defaults()
LENGTHS = [10, 30, 50, 100]
RATES = [1e2, 1e3, 3e4, 1e5, 2e6, 1e7]


def planned(rate: float, **assumed: float) -> Plan:
    return plan(rate, MEASURED, msgspec.structs.replace(ASSUMED, **assumed), DEFAULTS)


def test_nothing_shrinks_as_the_rate_grows() -> None:
    plans = [planned(rate) for rate in RATES]
    for name in ("partitions", "for_cpu", "for_state", "writers", "brokers", "kafka_bytes"):
        values = [getattr(each, name) for each in plans]
        assert values == sorted(values), name
    assert [each.hops_a_frame for each in plans] == sorted(
        (each.hops_a_frame for each in plans), reverse=True
    )


@pytest.mark.parametrize("rate", RATES)
def test_a_plan_carries_its_rate(rate: float) -> None:
    made = planned(rate)
    assert made.partitions >= ASSUMED.spare_partitions * made.workers or made.workers == 1
    assert rate * made.worker_us / 1e6 <= ASSUMED.utilisation * made.for_cpu
    assert made.live_bytes <= made.for_state * ASSUMED.state_gib * 2**30
    replicas = made.partitions * 4 * ASSUMED.replication
    assert replicas <= made.brokers * ASSUMED.broker_partitions


def test_disk_is_rate_times_bytes_times_retention_times_replicas() -> None:
    week = planned(1e4, raw_days=7, keyed_days=7, findings_days=7)
    assert week.kafka_bytes == pytest.approx(1e4 * sum(wire_bytes(MEASURED).values()) * 7 * DAY * 3)
    assert week.lineage_bytes == pytest.approx(1e4 * MEASURED.row_bytes * 30 * DAY)
    assert planned(1e4, lineage_days=60).lineage_bytes == 2 * week.lineage_bytes


def test_live_state_is_what_arrives_while_it_lives() -> None:
    made = planned(1_000, token_seconds=100, lateness_seconds=900)
    assert made.live_hops == 1_000_000
    assert made.live_bytes == 1_000_000 * MEASURED.live_bytes


def test_one_zone_and_one_replica_cross_nothing() -> None:
    assert planned(1e5, replication=1).crossing_bytes_a_second == 0
    assert planned(1e5).crossing_bytes_a_second > 2 * 1e5 * sum(wire_bytes(MEASURED).values())


def test_frames_lose_their_hops_to_partitions() -> None:
    few, many = (hops_a_frame(MEASURED, DEFAULTS, count) for count in (1, 1_000_000))
    assert few == pytest.approx(DEFAULTS.delivery_bytes / MEASURED.otlp_bytes)
    assert many == pytest.approx(1.0, rel=1e-3)
    assert worker_us(MEASURED, DEFAULTS, DEFAULTS.partitions) == MEASURED.worker_us


def test_the_first_limit_is_the_lowest_that_was_not_moved() -> None:
    ends = limits(MEASURED, ASSUMED, DEFAULTS)
    assert [each.rate for each in ends] == sorted(each.rate for each in ends)
    assert first(ends, frozenset()) == ends[0]
    assert first(ends, frozenset({MACHINES})).moved_by == TABLE
    assert first(ends, frozenset({MACHINES, TABLE})).moved_by == ENGINE


@pytest.fixture
def queue() -> Queue:
    made = planned(1e5, lateness_seconds=3_600)
    return queue_of(made, MEASURED, made.for_cpu, skew=1.0)


def test_the_simulated_queue_is_as_busy_as_computed_and_waits_about_as_long(queue: Queue) -> None:
    p99, used, left = simulate(queue, seconds=200, seed=1)
    assert used == pytest.approx(queue.utilisation, rel=0.1)
    assert p99 == pytest.approx(p99_seconds(queue), rel=0.35)
    assert left < 1


def test_waiting_grows_with_what_a_worker_has_to_do(queue: Queue) -> None:
    busier = [queue._replace(records_a_second=queue.records_a_second * more) for more in (1, 1.3)]
    computed = [p99_seconds(each) for each in busier]
    simulated = [simulate(each, 100, seed=1)[0] for each in busier]
    assert computed == sorted(computed)
    assert simulated == sorted(simulated)


def test_lag_is_what_arrives_less_what_is_done(queue: Queue) -> None:
    too_much = queue._replace(records_a_second=queue.records_a_second * 1.5 / queue.utilisation)
    assert p99_seconds(too_much) == inf
    _, used, left = simulate(too_much, seconds=100, seed=1)
    assert left == pytest.approx((used - 1) * 100, rel=0.05)
    assert lag_seconds(too_much, 100) == pytest.approx(50)
    assert lag_seconds(queue, 100) == 0


def test_keys_spread_as_computed_and_more_chains_spread_better() -> None:
    few, many = (skew_simulated(120, 24, chains, LENGTHS, seed=3) for chains in (2_000, 100_000))
    assert 1 <= many < few
    for chains, found in ((2_000, few), (100_000, many)):
        assert found - 1 == pytest.approx(skew_computed(24, chains, LENGTHS) - 1, rel=0.5)


def test_one_hot_chain_is_one_workers() -> None:
    total = 5_000 * sum(LENGTHS) / len(LENGTHS)
    hot = skew_simulated(120, 24, 5_000, LENGTHS, seed=3, hot=int(total))
    assert hot == pytest.approx(24 / 2, rel=0.1)
    fold_us = MEASURED.worker_us * (1 - MEASURED.ingest_share)
    assert hottest_chain(MEASURED, ASSUMED) * fold_us == pytest.approx(ASSUMED.utilisation * 1e6)


def test_defaults_are_the_pipelines() -> None:
    from grantline.model.policy import Policy
    from grantline.streams.merging import MergeScheduler
    from grantline.streams.settings import WorkerSettings

    worker = WorkerSettings(bootstrap="broker:9092")
    assert worker.partitions == DEFAULTS.partitions
    assert worker.memory_ceiling_mb * 2**20 == DEFAULTS.ceiling_bytes
    assert MergeScheduler.max_bytes == DEFAULTS.delivery_bytes
    assert Policy().lateness_seconds == ASSUMED.lateness_seconds
    assert worker.lateness_retention_seconds == ASSUMED.keyed_days * DAY
    assert worker.findings_retention_seconds == ASSUMED.findings_days * DAY


def test_a_full_bench_renews_constants_and_a_short_one_does_not(tmp_path: Path) -> None:
    cpu = {"worker": 90.0, "writer": 40.0, "broker": 30.0}
    bench = {
        "quick": False,
        "stages": {"processes": {"worker": {"decode": 30.0, "fold": 10.0, "rest": 9.0}}},
        "throughput": {
            "loads": [
                {"batch": 10, "contenders": {"Grantline": {"cpu_microseconds_per_span": {}}}},
                {"batch": 256, "contenders": {"Grantline": {"cpu_microseconds_per_span": cpu}}},
            ]
        },
        "apart": {"writer_rows_per_second": 12_345},
        "memory": {
            "held": [
                {"hops": 10, "both": 9_000.0},
                {"hops": 500, "both": 400.0},
                {"hops": 1_000, "both": 300.0},
            ]
        },
    }
    found = constants.of_bench(json.loads(json.dumps(bench)))
    assert found == {
        "ingest_share": 0.75, "worker_us": 90.0, "writer_us": 40.0, "broker_us": 30.0,
        "writer_rows_a_second": 12_345, "live_bytes": 200.0,
    }  # fmt: skip
    assert constants.of_bench({**bench, "quick": True}) == {}
    path = tmp_path / "measured.json"
    constants.store({**msgspec.structs.asdict(MEASURED), **found}, SOURCES, path)
    assert constants.load(path)[0].worker_us == 90.0


def test_the_page_is_what_the_constants_say() -> None:
    page = (constants.HERE / "README.md").read_text("utf-8")
    ends = limits(MEASURED, ASSUMED, DEFAULTS)
    assert tables.plans(MEASURED, ASSUMED, DEFAULTS).as_markdown() in page
    assert tables.ladder(ends, MEASURED, ASSUMED).as_markdown() in page
    assert tables.constants(MEASURED, SOURCES).as_markdown() in page
    assert set(SOURCES) == set(Measured.__struct_fields__)
