"""Which topics hold foreign logs, and how people in them are named."""

from __future__ import annotations

import pytest

from grantline.cli import FORMATS
from grantline.settings import BadSettings, read
from grantline.sources import SOURCES


def test_replay_and_worker_know_the_same_sources() -> None:
    assert ("otlp", *sorted(SOURCES)) == FORMATS


def test_a_topic_is_given_its_format_and_where_it_needs_one_an_issuer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GRANTLINE_SOURCES", "t=cloudtrail, e=keycloak@https://kc:8443/realms/r")
    assert read().sources == {
        "t": ("cloudtrail", None),
        "e": ("keycloak", "https://kc:8443/realms/r"),
    }


@pytest.mark.parametrize(
    "text,words",
    [
        ("trail", "write it like trail=cloudtrail"),
        ("a topic=caep", "write it like"),
        ("t=cloudtrial", "did you mean cloudtrail?"),
        ("t=splunk", "no source 'splunk'"),
        ("t=keycloak", "t=keycloak@https://issuer"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.setenv("GRANTLINE_SOURCES", text)
    with pytest.raises(BadSettings, match="GRANTLINE_SOURCES") as refused:
        read()
    assert words in str(refused.value)


def test_a_key_that_is_none_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTLINE_SUBJECT_KEY", "k1:visibly-fake")
    with pytest.raises(BadSettings, match="kid:hex") as refused:
        read()
    assert "visibly-fake" not in str(refused.value)
