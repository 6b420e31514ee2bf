"""What cannot be meant: raised where the emitter is strict, else said once with its cure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from grantline import emit
from grantline.emit import Emitter, Mistake, Settings
from grantline.emit.attributes import OPERATIONS, field_name
from grantline.emit.keywords import SettingKeywords
from grantline.emit.mistakes import CLOSED
from grantline.emit.testing import Capture, capture
from tests.unit.emit.vectors import D1, T0, T1


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture() as found:
        yield found


@pytest.fixture
def strict() -> Iterator[Capture]:
    with capture(strict=True) as found:
        yield found


def act(dl: Emitter, how: Callable[[Emitter], Any]) -> None:
    dl.grant(T0, task="a trip")
    dl.delegate(T1, subject_token=T0)
    how(dl)


MISTAKES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda dl: dl.use("x"), "a use under no authority: pass token="),
    (lambda dl: dl.use("x", kind="internal"), "dl.bind"),
    (lambda dl: dl.tool("x")(int)(), "a use under no authority"),
    (lambda dl: dl.revoke(), "a revocation of nothing"),
    (lambda dl: dl.revoke(cascade=True), "a revocation of nothing"),
    (lambda dl: dl.end(), "an end of nothing"),
    (lambda dl: dl.end(task="a tripp"), "a task that is not under way here"),
    (lambda dl: dl.grant(T0, method="oauth"), "grant: method is oauth: use one of"),
    (lambda dl: dl.use("x", token=T1, outcome="yes"), "use: decision_outcome is yes: use one of"),
    (lambda dl: dl.use("x", token=T1, outcome="approved"), "allow, deny, challenge"),
    (lambda dl: dl.use("x", token=T1, risk="hgih"), "did you mean high"),
    (lambda dl: dl.use("x", token=T1, outcome=True), "(not a word)"),
    (lambda dl: dl.approve("pay", token=T1, outcome="allow"), "approved, denied, expired"),
    (lambda dl: dl.consent("scopes", token=T1), "consent_kind is scopes: did you mean scope"),
    (lambda dl: dl.end("cancelled", token=T1), "end_status is cancelled: did you mean canceled"),
    (lambda dl: dl.revoke(T1, revocation_target="all"), "revocation_target is all"),
    (lambda dl: dl.use("x", token=T1, kind="tool"), "kind is tool: use client, server or"),
    (lambda dl: dl.use("x", token=T1, requiredscopes=["a"]), "did you mean required_scopes"),
    (
        lambda dl: dl.use("x", token={"access_token": T1}, id="dlg_1"),
        "a token is given as dict: pass",
    ),
    (lambda dl: dl.grant(42), "a token is given as int: pass the credential itself"),
    (lambda dl: dl.delegate(T1, subject_token=object()), "a token is given as object"),
    (lambda dl: dl.exchange(lambda: 42, subject_token=T0), "returned int, and no token is in it"),
    (lambda dl: dl.exchange(lambda: None, subject_token=T0), "returned NoneType, and no token"),
    (
        lambda dl: dl.exchange(lambda: {"acces_token": T1}, subject_token=T0),
        "returned dict, and no",
    ),
    (lambda dl: dl.grant(None), "a grant of nothing (is the token None?)"),
    (lambda dl: dl.grant(None, method="authorization_code"), "a grant of nothing"),
    (lambda dl: dl.delegate(actor="clerk"), "a delegation under no authority: pass subject_token="),
    (lambda dl: dl.exchange(lambda: T1), "a delegation under no authority"),
    (lambda dl: dl.renew(), "a renewal of nothing"),
    (lambda dl: dl.consent(), "a consent to nothing"),
    (lambda dl: dl.approve("pay"), "an approval of nothing"),
    (lambda dl: dl.use("x", token=T1, verified=7), "verified is given as int: pass the claims"),
    (lambda dl: dl.use("x", token=T1, introspected=[]), "introspected is given as list"),
    (lambda dl: dl.revoke(delegation="dlg_1"), "a delegation is given as str: pass what grant()"),
    (lambda dl: dl.grant(T0, task=7), "task_id: not a string"),
    (lambda dl: dl.grant(T0, granted_scopes=7), "granted_scopes: not a list of strings"),
    (lambda dl: dl.use("x", token=T1, action=object()), "action: not JSON"),
    (lambda dl: dl.use("x", token=T1, id="a b"), "id: 1 to 64 of"),
]


def _entered(block: Any) -> None:
    with block:
        """Nothing."""


ODD: list[tuple[Callable[[Any], Any], str]] = [
    (lambda dl: _entered(dl.acting_as(None)), "acting as nothing (is the token None?)"),
    (lambda dl: _entered(dl.acting_as()), "acting as nothing"),
    (lambda dl: _entered(dl.acting_as(7)), "a token is given as int"),
    (lambda dl: _entered(dl.acting_as(delegation=7)), "a delegation is given as int"),
    (lambda dl: _entered(dl.resume({})), "nothing to resume is in what was given"),
    (lambda dl: _entered(dl.resume(None)), "nothing to resume"),
    (lambda dl: _entered(dl.receive(7)), "a carrier is given as int: pass headers"),
    (lambda dl: dl.bind(None), "bind: a function is given as NoneType: pass the function itself"),
    (lambda dl: dl.tool(7), "tool: a name is given as int"),
    (lambda dl: dl.tool("x")(7), "tool: a function is given as int"),
    (lambda dl: dl.agent(None), "agent: a name is given as NoneType"),
    (lambda dl: dl.agent("x")(7), "agent: a function is given as int"),
]


@pytest.mark.parametrize("how, cure", ODD)
def test_what_tells_nothing_by_itself_is_checked_alike(
    how: Callable[[Any], Any], cure: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture(strict=True) as strict, pytest.raises(Mistake) as raised:
        how(strict.emitter)
    assert cure in str(raised.value)
    with capture() as seen:
        how(seen.emitter)
        how(seen.emitter)
    assert [record.message for record in caplog.records if cure in record.message]
    assert seen.emitter.stats().notes["mistake"] >= 2
    assert seen.facts() == []


@pytest.mark.parametrize(
    "how, says",
    [
        (lambda dl: dl.renew(T0, T1), "renew: .*takes from 1 to 2 positional arguments"),
        (
            lambda dl: dl.flush("soon"),
            r"flush: cannot be done with what it was given \(TypeError\)",
        ),
        (lambda dl: dl.inject(7), r"inject: cannot be done with what it was given \(TypeError\)"),
    ],
)
def test_a_call_that_cannot_be_done_is_raised_if_strict_and_else_counted(
    strict: Capture, seen: Capture, how: Callable[[Any], Any], says: str
) -> None:
    """The text of an error is shown only where it can hold no value."""
    with pytest.raises(Mistake, match=says):
        how(strict.emitter)
    how(seen.emitter)
    assert seen.emitter.stats().notes["error"] == 1


@pytest.mark.parametrize("how, cure", MISTAKES)
def test_a_mistake_is_raised_where_it_is_made_if_strict(
    strict: Capture, how: Callable[[Any], Any], cure: str
) -> None:
    with pytest.raises(Mistake, match=re.escape(cure)):
        act(strict.emitter, how)


@pytest.mark.parametrize("how, cure", MISTAKES)
def test_otherwise_it_is_one_warning_and_the_fact_is_told(
    seen: Capture, how: Callable[[Any], Any], cure: str, caplog: pytest.LogCaptureFixture
) -> None:
    act(seen.emitter, how)
    how(seen.emitter)
    warned = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert sum(cure in message for message in warned) == 1
    notes = seen.emitter.stats().notes
    assert notes.get("mistake", 0) + notes.get("refused", 0) >= 2
    assert len(seen.facts()) == 4
    assert "error" not in notes


RIGHT: list[Callable[[Any], Any]] = [
    lambda dl: dl.use("x", token=T1, outcome="challenge", risk="critical"),
    lambda dl: dl.use("x", token="fake-opaque-token"),
    lambda dl: dl.use("x", kind="server", outcome="deny"),
    lambda dl: dl.use("x", kind="server"),  # somebody called who had nothing
    lambda dl: dl.use("x", verified={"iss": "https://as", "sub": "u", "jti": "1"}),
    lambda dl: dl.use("x", id="dlg_1"),
    lambda dl: dl.use("x", task="a trip"),
    lambda dl: dl.revoke(T1),
    lambda dl: dl.revoke(delegation=emit.Delegation("dlg_1")),
    lambda dl: dl.revoke(task="of another process"),
    lambda dl: dl.revoke(subject="alice", subject_issuer="https://as"),
    lambda dl: dl.revoke(session_id="s-1", subject_issuer="https://as"),
    lambda dl: dl.end("failed", task="a trip"),
    lambda dl: dl.end(token=T1),
    lambda dl: dl.approve("pay", token=T1, outcome="denied"),
    lambda dl: dl.exchange(lambda: {"error": "access_denied"}, subject_token=T0),
    lambda dl: dl.grant(subject="alice", scopes=["a"]),
    lambda dl: dl.grant(task="of this process"),
    lambda dl: dl.grant(verified={"iss": "https://as", "sub": "u", "jti": "1"}),
    lambda dl: dl.delegate(T1, parent=emit.Delegation("dlg_1")),
    lambda dl: dl.delegate(T1, outcome="deny"),
    lambda dl: dl.renew(T1, refresh_token="fake-refresh-of-elsewhere"),
    lambda dl: dl.approve("pay", approval_id="apr_1", outcome="approved"),
    lambda dl: dl.consent("scope", subject="alice"),
    lambda dl: _entered(dl.receive({})),
    lambda dl: _entered(dl.receive(None)),  # MCP calls have a `_meta` of None
    lambda dl: _entered(dl.acting_as(task="a trip")),
]


@pytest.mark.parametrize("how", RIGHT)
def test_what_can_be_meant_is_none(strict: Capture, how: Callable[[Any], Any]) -> None:
    act(strict.emitter, how)
    assert "mistake" not in strict.emitter.stats().notes


def test_under_a_current_delegation_nothing_need_be_named(strict: Capture) -> None:
    dl = strict.emitter
    dl.grant(T0, task="a trip")
    with dl.acting_as(T0):
        dl.use("x")
        dl.revoke()
        dl.end()
    with dl.receive({"baggage": f"delegation.id={D1},delegation.task.id=theirs"}):
        dl.end(task="theirs")
    assert len(strict.facts()) == 5


def test_a_credential_in_a_words_place_is_not_shown(
    seen: Capture, caplog: pytest.LogCaptureFixture
) -> None:
    seen.emitter.use("x", token=T1, outcome=T1)
    seen.emitter.use("x", token=T1, method="Secret-1")
    assert T1 not in caplog.text
    assert "Secret-1" not in caplog.text


@pytest.mark.parametrize(
    "said, is_strict", [("1", True), ("true", True), ("0", False), ("", False)]
)
def test_the_environment_makes_it_strict(
    monkeypatch: pytest.MonkeyPatch, said: str, is_strict: bool
) -> None:
    monkeypatch.setenv("GRANTLINE_STRICT", said)
    assert Settings(service_name="a").strict is is_strict


def test_a_variable_that_says_neither_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRANTLINE_STRICT", "maybe")
    with pytest.raises(ValueError, match="GRANTLINE_STRICT='maybe': use 1 or 0"):
        Settings(service_name="a")


@pytest.mark.parametrize(
    "variable, meant",
    [("GRANTLINE_EXPORTR", "GRANTLINE_EXPORTER"), ("GRANTLINE_STRCIT", "GRANTLINE_STRICT")],
)
def test_a_misspelt_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(variable, "x")
    with capture():
        assert f"no setting {variable}: did you mean {meant}?" in caplog.text
    with pytest.raises(Mistake, match=meant), capture(strict=True):
        raise AssertionError


def test_variables_of_the_pipeline_are_none_of_an_agents_business(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from grantline.settings import Settings as Pipeline

    for name in Pipeline.model_fields:
        if name != "kafka":
            monkeypatch.setenv(f"GRANTLINE_{name.upper()}", "x")
    with capture(strict=True):
        assert not caplog.text


@pytest.mark.parametrize(
    "wrong, hint",
    [("service_nam", "did you mean service_name"), ("colour", "there are baggage_allow")],
)
def test_a_misspelt_setting_is_named_with_the_right_ones(wrong: str, hint: str) -> None:
    given: Any = {"service_name": "a", wrong: 1}
    emit.shutdown()
    with pytest.raises(TypeError, match=f"no setting '{wrong}'; {hint}"):
        emit.configure(**given)


def test_the_typed_keywords_are_the_settings() -> None:
    assert get_type_hints(SettingKeywords) == get_type_hints(Settings)
    assert list(SettingKeywords.__annotations__) == [each.name for each in fields(Settings)]


def test_the_closed_values_are_those_of_the_registry() -> None:
    registry = Path(__file__).parents[3] / "schemas/otel/attributes.yaml"
    members = {
        field_name(entry["id"]): entry["members"]
        for entry in yaml.safe_load(registry.read_text("utf-8"))["attributes"]
        if "members" in entry
    }
    # The operation is the method's name, and a token's type is what its issuer says.
    del members["operation_name"], members["token_type"]
    for name, known in members.items():
        ours = {value for operation in OPERATIONS for value in CLOSED[operation][name]}
        assert ours == set(known), name
    assert all(CLOSED[operation].keys() == members.keys() for operation in OPERATIONS)
