"""A setting is what the variable says, or the process ends and names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grantline import app
from grantline.settings import BadSettings, Settings, read
from grantline.streams.settings import WorkerSettings


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GRANTLINE_")]:
        monkeypatch.delenv(name)


def _refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(f"GRANTLINE_{name}", value)
    with pytest.raises(BadSettings) as refused:
        read()
    return str(refused.value)


@pytest.mark.parametrize(
    "name,value,words",
    [
        ("KAFKA", "{bad", "GRANTLINE_KAFKA: this is no JSON"),
        ("KAFKA", "[]", "GRANTLINE_KAFKA: should be a JSON object"),
        ("KAFKA", '{"sasl.pasword": "x"}', "no security setting 'sasl.pasword'; did you mean sasl"),
        ("KAFKA", '{"group.id": "x"}', "no security setting 'group.id'; there are aws.profile"),
        ("KAFKA", '{"sasl.password": 1}', "the value of sasl.password should be text in quotes"),
        ("KAFKA", '{"security.protocol": "TLS"}', "security.protocol should be one of PLAINTEXT"),
        ("KAFKA", '{"security.protocol": "sasl_ssl"}', "asks for a sasl.mechanism"),
        ("KAFKA", '{"ssl.ca.location": "/no/ca.pem"}', "there is no file /no/ca.pem"),
        ("BOOTSTRAP", "kafka", "GRANTLINE_BOOTSTRAP='kafka': should be host:port"),
        ("BOOTSTRAP", "kafka://kafka:9092", "should be host:port"),
        ("INPUT_TOPICS", '["otlp_spans"]', "should be topic names separated by commas"),
        ("INPUT_TOPICS", "none", "GRANTLINE_INPUT_TOPICS is none, so the worker needs"),
        ("INPUT_PATTERN", "(", "GRANTLINE_INPUT_PATTERN='(': should be a regular expression"),
        ("TOPIC_PREFIX", "a b", "should be letters, digits"),
        ("APPLICATION", "a/b", "should be letters, digits"),
        ("PARTITIONS", "0", "GRANTLINE_PARTITIONS='0': should be greater than or equal to 1"),
        ("PARTITIONS", "many", "GRANTLINE_PARTITIONS='many': should be a valid integer"),
        ("REPLICATION", "0", "should be -1, or 1 and more"),
        ("HOPS_RETENTION_DAYS", "-1", "should be greater than 0"),
        ("SESSION_TIMEOUT_SECONDS", "inf", "should be less than or equal to 1800"),
        ("TICK_SECONDS", "nan", "GRANTLINE_TICK_SECONDS='nan'"),
        ("WEB_PORT", "70000", "should be less than or equal to 65535"),
        ("STORE_MEMORY", "much", "should be a size, such as 2GB"),
        ("LOG_LEVEL", "loud", "should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_value_that_cannot_work_is_named_with_what_it_should_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    assert words in _refused(monkeypatch, **{name: value})


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = _refused(monkeypatch, BOOTSRAP="kafka:9092", PARTITIONS="0", WEB_PORT="x")
    assert "no setting GRANTLINE_BOOTSRAP: did you mean GRANTLINE_BOOTSTRAP?" in said
    assert "GRANTLINE_PARTITIONS" in said
    assert "GRANTLINE_WEB_PORT" in said


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_a_slip_in_any_name_is_found(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Two letters swapped, one left out."""
    middle = len(name) // 2
    swapped = name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]
    for slip in {swapped, name[:middle] + name[middle + 1 :]} - {name}:
        said = _refused(monkeypatch, **{slip.upper(): "1"})
        assert f"no setting GRANTLINE_{slip.upper()}: did you mean GRANTLINE_" in said
        monkeypatch.delenv(f"GRANTLINE_{slip.upper()}")


@pytest.mark.parametrize(
    "name", ["WRITER_SERVICE_HOST", "WORKER_PORT", "LIVE_SERVICE_HOST", "WEB_PORT_6066_TCP"]
)
def test_what_kubernetes_sets_beside_a_service_is_warned_of_and_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.setenv(f"GRANTLINE_{name}", "tcp://10.0.0.1:6066")
    monkeypatch.setenv("GRANTLINE_EXPORTER", "kafka://localhost:9092/otlp_spans")
    read()
    assert [record.getMessage() for record in caplog.records] == [
        f"no setting GRANTLINE_{name}: see `grantline settings`"
    ]


def test_no_error_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with it."""
    secret = "visibly-fake"
    assert secret not in _refused(monkeypatch, KAFKA=f'{{"sasl.password": "{secret}"')
    assert secret not in _refused(monkeypatch, KAFKA=f'{{"sasl.pasword": "{secret}"}}')
    assert secret not in _refused(monkeypatch, KAFKA=f'{{"security.protocol": "{secret}"}}')
    assert secret not in _refused(monkeypatch, KAFKA=secret)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose passes on what is not set."""
    for name in Settings.model_fields:
        monkeypatch.setenv(f"GRANTLINE_{name.upper()}", "")
    assert read() == Settings()


CHANGED = {
    "bootstrap": "kafka:9092,[::1]:9092",
    "kafka": '{"security.protocol": "SSL"}',
    "application": "other",
    "topic_prefix": "eu.delegation.",
    "data_dir": "elsewhere",
    "log_level": "warning",
    "input_topics": "a,b",
    "input_pattern": r"eu\..*",
    "partitions": "3",
    "replication": "3",
    "hops_retention_days": "30",
    "findings_retention_days": "365.5",
    "rejected_retention_days": "1",
    "web_host": "0.0.0.0",
    "web_port": "none",
    "session_timeout_seconds": "6",
    "poll_timeout_seconds": "60",
    "delivery_seconds": "60",
    "commit_seconds": "0.5",
    "tick_seconds": "2",
    "snapshot_seconds": "none",
    "snapshot_dir": "/srv/shared",
    "hot_hops": "5000",
    "memory_ceiling_mb": "512",
    "fetch_bytes": "1000000",
    "buffered_deliveries": "4",
    "compression": "gzip",
    "sources": "trail=cloudtrail,events=keycloak@https://kc.example.com/realms/r",
    "subject_key": "k1:" + "00" * 16,
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_variable_reaches_the_worker(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = app._worker_settings(read())
    monkeypatch.setenv(f"GRANTLINE_{name.upper()}", CHANGED[name])
    assert app._worker_settings(read()) != before


def test_every_setting_of_a_worker_has_a_variable() -> None:
    """The defaults of the variables are those of the worker, and each of its fields can be
    changed: none is out of reach of who runs it."""
    settings = Settings()
    default = WorkerSettings(bootstrap=settings.bootstrap)
    assert app._worker_settings(settings) == default
    names = {
        "topics": "topic_prefix", "persons": "subject_key", "security": "kafka", "datadir": "data_dir",
        "heartbeat_seconds": "session_timeout_seconds",
        "lateness_retention_seconds": "hops_retention_days",
        "findings_retention_seconds": "findings_retention_days",
        "rejected_retention_seconds": "rejected_retention_days",
    }  # fmt: skip
    fields = {names.get(name, name) for name in WorkerSettings.__struct_fields__}
    assert fields - {"policy"} == CHANGED.keys()


def _policy(monkeypatch: pytest.MonkeyPatch, path: Path, text: str) -> Settings:
    path.write_text(text)
    monkeypatch.setenv("GRANTLINE_POLICY", str(path))
    return read()


@pytest.mark.parametrize(
    "text,words",
    [
        ("leway_seconds = 3", "line 1: no key 'leway_seconds'; did you mean leeway_seconds?"),
        ("\nwrong = 3", "line 2: no key 'wrong'; there are leeway_seconds, parent_grace_seconds"),
        ("[policy]\nmax_depth = 3", "line 1: no key 'policy'"),
        ("leeway_seconds = '3'", "leeway_seconds: '3' should be a valid integer"),
        ("leeway_seconds = -1", "leeway_seconds: -1 should be greater than or equal to 0"),
        ("lateness_seconds = inf", "lateness_seconds: inf should be a finite number"),
        ("witness_seconds = nan", "witness_seconds: nan should be a finite number"),
        ("max_depth = 1.5", "max_depth: 1.5 should be a valid integer"),
        ("max_depth = true", "max_depth: True should be a valid integer"),
        ("proxies = 'gateway'", "proxies: 'gateway' should be a valid list"),
        ("proxies = [\n  'a',\n  3,\n]", "line 3: proxies[2]: 3 should be a valid string"),
        ("[audience_aliases]\ncrm = [1]", "line 2: audience_aliases.crm[1]: 1 should be"),
        ("[issuers.'https://a']\ndialect = 'entre'", ("line 2: issuers.\"https://a\".dialect: 'entre' "
         "is no dialect; did you mean entra?")),
        ("[issuers.'https://a']\nscope_domain = 'resourc'", "did you mean resource?"),
        ("[issuers.a]\naliases = ['b']\n[issuers.b]", "line 1: issuers: b is told of twice: in a and in b"),
        ("[issuers.a]\nscopes = 1", "line 2: no key 'scopes' in issuers.a; there are aliases, dialect"),
        ("[implied_scopes]\nread = ['files:/a/../b']", "has a path that climbs: write the path that is"),
        ("[action_tiers]\npay = 'higher'", "line 2: action_tiers.pay: 'higher' should be 'low', 'medium'"),
        ("[[exemptions]]\nreference = 'SE-01'", "line 1: exemptions[1]: owner is missing"),
        ("[[exemptions]]\n[[exemptions]]\nuntil = '2027-13-01'", ("line 3: exemptions[2].until: "
         "'2027-13-01' should be a day, such as 2027-01-31")),
        ("max_depth = 3\nmax_depth = 4", "line 2: this is no TOML: Cannot overwrite a value"),
        ("[implied_scopes", "this is no TOML"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_work_is_named_with_its_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "policy.toml"
    settings = _policy(monkeypatch, path, text)
    with pytest.raises(BadSettings) as refused:
        settings.read_policy()
    assert str(refused.value).startswith(f"GRANTLINE_POLICY: {path}: ")
    assert words in str(refused.value)


@pytest.mark.parametrize("path", ["missing.toml", "."])
def test_a_policy_that_is_no_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    monkeypatch.setenv("GRANTLINE_POLICY", str(tmp_path / path))
    with pytest.raises(BadSettings, match=f"GRANTLINE_POLICY: {tmp_path}.*it should be a TOML"):
        read().read_policy()


def test_lateness_beyond_what_is_kept_names_the_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A restarted worker rebuilds its state from what is kept; the cure that is named works."""
    settings = _policy(monkeypatch, tmp_path / "policy.toml", "lateness_seconds = 2_592_000")
    with pytest.raises(BadSettings, match="set GRANTLINE_HOPS_RETENTION_DAYS to 30 or more"):
        app._worker_settings(settings)
    monkeypatch.setenv("GRANTLINE_HOPS_RETENTION_DAYS", "30")
    assert app._worker_settings(read()).policy.lateness_seconds == 2_592_000
