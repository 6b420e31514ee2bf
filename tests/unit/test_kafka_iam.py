"""Amazon MSK's login by IAM: what is signed, with keys that are visibly fake; nobody is asked."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from grantline import kafka_iam, kafka_security
from grantline.emit.exporters import make_exporter
from grantline.emit.kafka import KafkaSpanExporter
from grantline.settings import read
from grantline.settings.bad import BadSettings
from grantline.settings.tried import kafka_client
from grantline.streams.credentials import credentials

pytest.importorskip("aws_msk_iam_sasl_signer", reason="the extra `aws` is not installed")

KEY, SECRET = "AKIAFAKEFAKEFAKEFAKE", "visibly-fake-secret-of-nobody"
IAM = {"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM"}
HERE = {**IAM, "aws.region": "eu-west-1"}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Fake keys and one fake profile, and no metadata service to ask."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "profiles"))
    (tmp_path / "profiles").write_text(
        f"[other]\naws_access_key_id = AKIAFAKEOTHER\naws_secret_access_key = {SECRET}\n"
    )
    return tmp_path


def _url(token: str) -> tuple[str, dict[str, str]]:
    """The signed URL that a token is, as its host and its query."""
    url = urlsplit(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode())
    return f"{url.scheme}://{url.netloc}", {k: v[0] for k, v in parse_qs(url.query).items()}


def test_a_token_is_a_signed_url_of_the_regions_cluster_for_fifteen_minutes() -> None:
    found = kafka_iam.token(kafka_security.checked(HERE))
    host, query = _url(found.text)
    assert host == "https://kafka.eu-west-1.amazonaws.com"
    assert query["Action"] == "kafka-cluster:Connect"
    assert query["X-Amz-Credential"].startswith(f"{KEY}/")
    assert query["X-Amz-Credential"].endswith("/eu-west-1/kafka-cluster/aws4_request")
    assert len(query["X-Amz-Signature"]) == 64
    assert SECRET not in str(query)
    assert 800 < found.until - time.time() <= 900


def test_a_named_profile_signs_where_it_is_asked_for() -> None:
    _, query = _url(kafka_iam.token({**HERE, "aws.profile": "other"}).text)
    assert query["X-Amz-Credential"].startswith("AKIAFAKEOTHER/")


def test_the_region_may_be_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert kafka_security.checked(IAM)["aws.region"] == "us-east-2"
    assert kafka_security.checked(HERE)["aws.region"] == "eu-west-1"


@pytest.mark.parametrize(
    "settings,says",
    [
        (IAM, "needs aws.region, or AWS_REGION"),
        ({**HERE, "aws.profile": "a", "aws.role.arn": "b"}, "one of them says who signs"),
        ({**HERE, "sasl.mechanism": "PLAIN"}, "aws.region is of sasl.mechanism AWS_MSK_IAM"),
        ({**HERE, "aws.regoin": "x"}, "'aws.regoin'; did you mean aws.region"),
    ],
)
def test_what_cannot_work_is_named(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        kafka_security.checked(settings)


def test_without_the_library_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_security, "SIGNER", "nobody_has_this_module")
    with pytest.raises(ValueError, match="aws-msk-iam-sasl-signer-python: install it"):
        kafka_security.checked(HERE)


def test_without_credentials_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(kafka_iam.NoToken, match="set AWS_ACCESS_KEY_ID"):
        kafka_iam.token(HERE)
    with pytest.raises(kafka_iam.NoToken, match="ProfileNotFound"):
        kafka_iam.token({**HERE, "aws.profile": "nobodys"})


def test_every_client_is_given_a_token_of_the_callback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents and librdkafka's other clients by their callback, Faust's by its own; none is told a name
    it does not know.
    """
    exporter = make_exporter("kafka://broker:9098/t", 1, kafka=HERE)
    assert isinstance(exporter, KafkaSpanExporter)
    config = exporter._config
    assert (config["security.protocol"], config["sasl.mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
    assert not [name for name in config if name.startswith("aws.")]
    text, until = config["oauth_cb"]("")
    assert _url(text)[0] == "https://kafka.eu-west-1.amazonaws.com"
    assert until > time.time()

    monkeypatch.setenv("GRANTLINE_KAFKA", json.dumps(HERE))
    settings = read()
    kafka_client(settings)  # librdkafka takes them
    faust: Any = credentials(settings.kafka)
    assert _url(asyncio.run(faust.oauth_cb.token()))[0] == "https://kafka.eu-west-1.amazonaws.com"


def test_fausts_client_signs_again_when_most_of_a_tokens_life_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = iter(("first", "second"))
    lives = {"first": 900.0, "second": 900.0}

    def token(_: Any) -> kafka_iam.Token:
        text = next(told)
        return kafka_iam.Token(text, time.time() + lives[text])

    monkeypatch.setattr(kafka_iam, "token", token)
    faust: Any = credentials(kafka_security.checked(HERE))

    async def asked(later: float = 0.0) -> str:
        now = time.monotonic()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("grantline.streams.tokens.time.monotonic", lambda: now + later)
            found: str = await faust.oauth_cb.token()
        return found

    assert asyncio.run(asked()) == "first"
    assert asyncio.run(asked(600)) == "first"
    assert asyncio.run(asked(800)) == "second"


def test_a_process_that_lacks_the_region_ends_with_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRANTLINE_KAFKA", json.dumps(IAM))
    with pytest.raises(BadSettings, match=r"aws\.region"):
        read()
