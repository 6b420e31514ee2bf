"""Settings, topics and metrics: what is written down is what is there."""

from __future__ import annotations

import re

import pytest

from grantline.model.policy import Policy
from grantline.streams import topics
from grantline.streams.credentials import credentials
from grantline.streams.metrics import METRICS, NAMES, Metrics
from grantline.streams.settings import WorkerSettings


def _settings(**changed: object) -> WorkerSettings:
    return WorkerSettings(bootstrap="127.0.0.1:1", **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed,words",
    [
        ({"partitions": 0}, "partitions must be 1 or more"),
        ({"input_topics": ()}, "no input"),
        ({"session_timeout_seconds": 6.0}, "at most a third"),
        ({"lateness_retention_seconds": 1.0}, "state could not be rebuilt"),
        ({"policy": Policy(lateness_seconds=1e9)}, "state could not be rebuilt"),
    ],
)
def test_settings_that_cannot_work_are_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _settings(**changed)


def test_hops_and_tokens_have_one_partition_count_and_the_brokers_clock() -> None:
    """The clock of the engine is the broker's stamp on the records."""
    settings = _settings(partitions=7)
    ours = {spec.name: spec for spec in topics.specs(settings) if spec.ours}
    assert set(ours) == {
        "delegation.hops", "delegation.tokens", "delegation.findings", "delegation.rejected",
        "delegation.incidents", "delegation.actions",
    }  # fmt: skip
    for spec in ours.values():
        assert spec.partitions == 7
        assert spec.config["message.timestamp.type"] == "LogAppendTime"
        assert "retention.ms" in spec.config
    for name in ("delegation.hops", "delegation.tokens"):
        assert ours[name].config["cleanup.policy"] == "delete"


def test_a_pattern_adds_topics_but_never_our_own() -> None:
    """However wide it is."""
    settings = _settings(input_pattern=".*")
    there = ["__consumer_offsets", "delegation.hops", "eu.spans", "otlp_spans", "us.spans"]
    assert topics.inputs(settings, there) == ["otlp_spans", "eu.spans", "us.spans"]
    narrow = _settings(input_topics=(), input_pattern=r"eu\..*")
    assert topics.inputs(narrow, there) == ["eu.spans"]
    with pytest.raises(ValueError, match=r"input_pattern '\('"):
        topics.inputs(_settings(input_pattern="("), there)


def test_every_metric_has_its_words() -> None:
    assert set(NAMES) == set(METRICS)
    for name, spec in METRICS.items():
        assert re.fullmatch(r"grantline_[a-z_]+", name)
        assert name.endswith("_total") == (spec.kind == "counter")
        assert spec.words.endswith((".", "..."))


def test_metrics_count_and_show() -> None:
    metrics = Metrics()
    metrics.count("grantline_rejected_total", 2, reason="bad_span")
    metrics.show("grantline_lag_records", 5, topic="t", partition="0")
    assert metrics.value("grantline_rejected_total", reason="bad_span") == 2
    assert 'grantline_lag_records{partition="0",topic="t"} 5.0' in metrics.exposition().decode()
    shown = re.findall(r"^(\w+)[ {]", metrics.exposition().decode(), re.MULTILINE)
    assert set(shown) <= set(NAMES), "a name that is documented nowhere"
    metrics.forget("grantline_lag_records")
    assert "grantline_lag_records{" not in metrics.exposition().decode()


def test_credentials_of_both_clients_come_from_one_set_of_settings() -> None:
    assert credentials({}) is None
    sasl = credentials(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "worker",
            "sasl.password": "visibly-fake",
        }
    )
    assert sasl is not None
    assert "visibly-fake" not in repr(sasl)
    with pytest.raises(ValueError, match=r"sasl\.oauthbearer\.config are not supported"):
        credentials({"sasl.oauthbearer.config": "x"})
    with pytest.raises(ValueError, match="use PLAINTEXT, SSL"):
        credentials({"security.protocol": "TELNET"})
