"""The eight operations: names, kinds, ids and attributes of their spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from grantline import __version__
from grantline.emit import SCHEMA_URL, Delegation, Key, canonical
from grantline.emit.attributes import PLANS, REQUIRED
from grantline.emit.testing import Capture, SeenFact, capture, fake_token
from tests.unit.emit.vectors import AS, D0, D1, F0, F1, T0, T1

ROOT = Delegation(D0, D0, None, 0, None, F0)


@pytest.fixture
def seen() -> Iterator[Capture]:
    with capture(service_name="booker") as found:
        yield found


def only(seen: Capture) -> SeenFact:
    (fact,) = seen.facts()
    return fact


def last(seen: Capture) -> SeenFact:
    return seen.facts()[-1]


def test_a_grant_is_its_own_root_at_depth_zero(seen: Capture) -> None:
    made = seen.emitter.grant(T0, method="authorization_code", task="task_1", consent_id="cns_51")
    fact = only(seen)
    assert made == Delegation(D0, D0, None, 0, "task_1", F0)
    assert fact.span.name == "grant planner"
    assert fact.span.kind is SpanKind.CLIENT
    assert (fact["id"], fact["root.id"], fact["depth"]) == (D0, D0, 0)
    assert "parent.id" not in fact
    assert fact["subject.type"] == "user"
    assert fact["consent.id"] == "cns_51"
    assert fact["evidence"] == "unverified_token"
    assert fact["granted_scopes"] == ("calendar.read", "calendar.write", "mail.send")


def test_a_grant_by_local_policy_is_internal_and_gets_an_id_of_its_own(seen: Capture) -> None:
    made = seen.emitter.grant(subject="nightly", subject_issuer="corp", actor="cron", scopes="a b")
    fact = only(seen)
    assert fact.span.kind is SpanKind.INTERNAL
    assert canonical.is_id(made.id)
    assert fact["root.id"] == made.id
    assert fact["evidence"] == "asserted"
    assert fact["subject.type"] == "unknown"


def test_a_delegation_names_its_parent_its_root_and_both_sets_of_scopes(seen: Capture) -> None:
    dl = seen.emitter
    dl.grant(T0, method="authorization_code", task="task_1")
    made = dl.delegate(T1, subject_token=T0, actor_token="fake-actor-token")
    fact = last(seen)
    assert made == Delegation(D1, D0, D0, 1, "task_1", F1)
    assert fact.span.name == "delegate booker"
    assert (fact["id"], fact["parent.id"], fact["root.id"], fact["depth"]) == (D1, D0, D0, 1)
    assert fact["token.parent_fingerprint"] == F0
    assert fact["token.actor_fingerprint"] == canonical.fingerprint("fake-actor-token")
    assert fact["delegator.id"] == "planner"
    assert fact["granted_scopes"] == ("calendar.write",)
    assert fact["parent_scopes"] == ("calendar.read", "calendar.write", "mail.send")
    assert fact["chain.parent_hash"].startswith("sha256:")
    assert fact["method"] == "token_exchange"
    assert fact["presenter.id"] == "booker"
    assert fact["task.id"] == "task_1"


def test_an_unknown_root_is_left_out_never_guessed(seen: Capture) -> None:
    seen.emitter.delegate(T1, subject_token=T0)
    fact = only(seen)
    assert fact["parent.id"] == D0
    assert "root.id" not in fact
    assert "depth" not in fact


def test_the_root_is_known_from_baggage_that_is_about_the_same_delegation(seen: Capture) -> None:
    carrier = {"baggage": f"delegation.id={D0},delegation.root.id=dlg_top,delegation.depth=3"}
    with seen.emitter.receive(carrier):
        seen.emitter.delegate(T1, subject_token=T0)
    fact = only(seen)
    assert (fact["root.id"], fact["depth"]) == ("dlg_top", 4)


def test_baggage_about_another_delegation_proves_nothing_and_is_counted(seen: Capture) -> None:
    carrier = {"baggage": "delegation.id=dlg_other,delegation.root.id=dlg_forged"}
    with seen.emitter.receive(carrier):
        seen.emitter.use("t", token=T1, kind="server")
    fact = only(seen)
    assert fact["id"] == D1
    assert "root.id" not in fact
    assert seen.emitter.stats().notes["baggage_conflict"] == 1


def test_arguments_name_what_no_token_tells(seen: Capture) -> None:
    seen.emitter.delegate(
        actor="worker", parent=ROOT, scopes=["a"], parent_scopes=["a", "b"], purpose="p"
    )
    fact = only(seen)
    assert (fact["parent.id"], fact["root.id"], fact["depth"]) == (D0, D0, 1)
    assert fact["method"] == "in_process"
    assert fact["delegator.id"] == "booker"
    assert fact["actor.id"] == "worker"


def test_the_same_token_handed_on_is_another_edge(seen: Capture) -> None:
    seen.emitter.grant(T0)
    made = seen.emitter.delegate(T0, subject_token=T0, method="in_process", actor="helper")
    assert made.parent_id == D0
    assert made.id != D0


def test_a_refused_delegation_is_told_as_an_error_with_its_reason(seen: Capture) -> None:
    seen.emitter.grant(T0)
    seen.emitter.delegate(
        subject_token=T0, requested_scopes=["admin"], outcome="deny", reason="invalid_scope"
    )
    fact = last(seen)
    assert fact.span.status.status_code is StatusCode.ERROR
    assert fact.span.status.description is None
    assert fact["decision.outcome"] == "deny"
    assert fact["decision.reason"] == "invalid_scope"
    assert fact["error.type"] == "invalid_scope"
    assert fact["parent.id"] == D0
    assert fact["subject.id"] == "u-7f3a"
    assert "token.fingerprint" not in fact


def test_a_renewed_token_keeps_the_delegation(seen: Capture) -> None:
    dl = seen.emitter
    dl.grant(T0, refresh_token="fake-refresh-1")
    renewed = dl.renew("fake-opaque-2", refresh_token="fake-refresh-1", next_refresh_token="r" * 9)
    again = dl.renew("fake-opaque-3", refresh_token="r" * 9)
    used = dl.use("t", token="fake-opaque-3")
    assert renewed.id == again.id == used.id == D0
    assert used.root_id == D0
    fact = seen.facts()[1]
    assert fact["token.parent_fingerprint"] == canonical.fingerprint("fake-refresh-1")
    assert fact["token.fingerprint"] == canonical.fingerprint("fake-opaque-2")
    assert fact["token.type"] == "opaque"


def test_a_client_tells_a_use_as_itself(seen: Capture) -> None:
    seen.emitter.use("create_event", token=T1, required_scopes=["calendar.write"], risk="medium")
    fact = only(seen)
    assert fact.span.name == "use create_event"
    assert fact.span.kind is SpanKind.CLIENT
    assert fact["gen_ai.tool.name"] == "create_event"
    assert fact["presenter.id"] == "booker"
    assert "decision.outcome" not in fact
    assert fact.span.status.status_code is StatusCode.UNSET
    assert fact["audiences"] == ("https://mcp.calendar.example.com",)
    assert fact["token.binding.thumbprint"]


def test_a_server_tells_only_whom_and_which_key_its_transport_proved(seen: Capture) -> None:
    seen.emitter.use("create_event", token=T1, kind="server")
    fact = only(seen)
    assert fact.span.kind is SpanKind.SERVER
    assert fact["decision.outcome"] == "allow"
    assert "presenter.id" not in fact
    assert "token.binding.thumbprint" not in fact
    assert fact["token.binding.type"] == "dpop"


def test_a_server_names_its_peer_the_proven_key_and_verified_claims(seen: Capture) -> None:
    seen.emitter.use(
        "create_event",
        token="fake-opaque-token",
        verified={"iss": AS, "sub": "u", "azp": "booker", "aud": "me"},
        kind="server",
        presenter="spiffe://x/booker",
        token_binding_thumbprint="p" * 43,
        server_address="https://user:secret@mcp.example.com:8443/x?y",
    )
    fact = only(seen)
    assert fact["evidence"] == "verified_token"
    assert fact["presenter.id"] == "spiffe://x/booker"
    assert fact["token.binding.thumbprint"] == "p" * 43
    assert fact["actor.id"] == "booker"
    assert fact["server.address"] == "mcp.example.com"


def test_the_actor_of_an_opaque_token_is_unknown_to_a_server(seen: Capture) -> None:
    seen.emitter.use("t", token="fake-opaque-token", kind="server")
    fact = only(seen)
    assert "actor.id" not in fact
    assert fact["token.type"] == "opaque"


def test_a_denied_use_is_an_error_with_a_reason(seen: Capture) -> None:
    seen.emitter.use("t", token=T1, kind="server", outcome="deny", reason="insufficient_scope")
    fact = only(seen)
    assert fact.span.status.status_code is StatusCode.ERROR
    assert fact["error.type"] == "insufficient_scope"


def test_a_client_whose_call_failed_tells_the_error_and_decides_nothing(seen: Capture) -> None:
    """Whether a call that ended in a time-out was let through, only the server knows."""
    seen.emitter.use("t", token=T1, error_type="timeout")
    fact = only(seen)
    assert fact.span.status.status_code is StatusCode.ERROR
    assert fact["error.type"] == "timeout"
    assert "decision.outcome" not in fact


def test_a_client_that_saw_the_refusal_may_tell_it(seen: Capture) -> None:
    seen.emitter.use("t", token=T1, outcome="challenge", reason="insufficient_scope")
    fact = only(seen)
    assert fact["decision.outcome"] == "challenge"
    assert fact["error.type"] == "insufficient_scope"


def test_a_reason_that_is_no_code_becomes_other(seen: Capture) -> None:
    seen.emitter.use("t", token=T1, outcome="deny", reason="user alice may not do that")
    assert only(seen)["decision.reason"] == "other"


def test_an_action_is_told_by_its_hash_and_drift_is_visible(seen: Capture) -> None:
    action = {"tool": "pay", "amount": 100}
    approval = seen.emitter.approve("pay", token=T1, action=action, approver="u-1", risk="high")
    seen.emitter.use("pay", token=T1, action={**action, "amount": 999.25}, approval_id=approval)
    approved, used = seen.facts()
    assert approved["approval.action_hash"] == canonical.canonical_hash(action)
    assert used["approval.action_hash"] != approved["approval.action_hash"]
    assert used["approval.id"] == approved["approval.id"] == approval
    assert "999.25" not in str(used.attributes)


def test_consent_is_internal_and_names_its_kind(seen: Capture) -> None:
    own = seen.emitter.consent("scope", token=T1, consent_hash="sha256:00")
    fact = only(seen)
    assert fact.span.name == "consent scope"
    assert fact.span.kind is SpanKind.INTERNAL
    assert fact["consent.id"] == own
    assert fact["id"] == D1


@pytest.mark.parametrize("outcome", ["denied", "expired"])
def test_an_approval_that_was_not_given_is_an_error(seen: Capture, outcome: str) -> None:
    seen.emitter.approve("pay", outcome=outcome)
    fact = only(seen)
    assert fact.span.status.status_code is StatusCode.ERROR
    assert fact["decision.reason"] == outcome


@pytest.mark.parametrize(
    "facts, target, cascade",
    [
        ({"token": T1}, "token", None),
        ({"token": T1, "cascade": False}, "token", False),
        ({"token": T1, "cascade": True}, "subtree", True),
        ({"token": T1, "revocation_target": "subtree"}, "subtree", True),
        ({"delegation": ROOT}, "delegation", None),
        ({"task": "task_1"}, "task", None),
        ({"subject": "u-1", "revocation_target": "subject"}, "subject", None),
    ],
)
def test_a_revocation_says_what_dies(
    seen: Capture, facts: dict[str, Any], target: str, cascade: bool | None
) -> None:
    """Whether it cascades is told only where the agent said so: silence is no statement."""
    seen.emitter.revoke(reason="compromise", **facts)
    fact = only(seen)
    assert fact.span.name == f"revoke {target}"
    assert fact["revocation.target"] == target
    assert ("revocation.cascade" in fact) is (cascade is not None)
    assert cascade is None or fact["revocation.cascade"] is cascade
    assert fact["revocation.reason"] == "compromise"


def test_a_revocation_of_a_task_names_no_delegation_that_happens_to_be_current(
    seen: Capture,
) -> None:
    with seen.emitter.acting_as(T1):
        seen.emitter.revoke(task="task_other")
    fact = only(seen)
    assert fact["task.id"] == "task_other"
    assert "id" not in fact


def test_the_end_of_a_task(seen: Capture) -> None:
    with seen.emitter.acting_as(T1, task="task_1"):
        seen.emitter.end("failed")
    fact = only(seen)
    assert fact.span.name == "end failed"
    assert (fact["id"], fact["task.id"], fact["end.status"]) == (D1, "task_1", "failed")


def test_the_end_of_a_task_that_was_begun_here_names_its_root(seen: Capture) -> None:
    """No token and no context at hand, only the task's name, as in the README."""
    dl = seen.emitter
    dl.grant(T0, task="task_1")
    dl.delegate(T1, subject_token=T0)
    dl.end("completed", task="task_1")
    fact = last(seen)
    assert (fact["id"], fact["root.id"], fact["task.id"]) == (D0, D0, "task_1")


def test_the_end_of_a_task_that_was_handed_to_us_names_its_root(seen: Capture) -> None:
    carrier = {
        "baggage": f"delegation.id={D0},delegation.root.id=dlg_top,delegation.task.id=task_1"
    }
    with seen.emitter.receive(carrier):
        seen.emitter.delegate(T1, subject_token=T0)
        seen.emitter.end(task="task_1")
    inside = last(seen)
    seen.emitter.end(task="task_1")
    fact = last(seen)
    assert (inside["id"], inside["root.id"]) == (D0, "dlg_top")
    assert (fact["id"], fact["root.id"]) == (D1, "dlg_top")


def test_of_two_runs_of_one_task_neither_is_guessed(seen: Capture) -> None:
    """Until one of them has ended: then the name tells the other."""
    dl = seen.emitter
    dl.grant(T0, task="nightly")
    other = dl.grant("fake-opaque-token", task="nightly")
    dl.end(task="nightly")
    unknown = last(seen)
    assert unknown["task.id"] == "nightly"
    assert "root.id" not in unknown
    assert "id" not in unknown
    dl.end(token=T0, task="nightly")
    assert last(seen)["root.id"] == D0
    dl.end(task="nightly")
    assert last(seen)["root.id"] == other.root_id
    dl.end(task="nightly")
    assert "root.id" not in last(seen)


def test_the_end_of_a_part_of_a_task_is_not_the_end_of_the_task(seen: Capture) -> None:
    dl = seen.emitter
    dl.grant(T0, task="task_1")
    dl.delegate(T1, subject_token=T0)
    dl.end(token=T1)
    dl.end(task="task_1")
    assert last(seen)["id"] == D0


def test_the_end_of_a_task_is_not_told_of_another_one_that_is_current(seen: Capture) -> None:
    with seen.emitter.acting_as(T1, task="task_1"):
        seen.emitter.end(task="task_2")
    fact = only(seen)
    assert fact["task.id"] == "task_2"
    assert "id" not in fact


@pytest.mark.parametrize("operation", ["consent", "approve"])
def test_a_decision_about_a_task_names_its_root(seen: Capture, operation: str) -> None:
    seen.emitter.grant(T0, task="task_1")
    getattr(seen.emitter, operation)(task="task_1")
    fact = last(seen)
    assert (fact["id"], fact["root.id"]) == (D0, D0)


def test_a_revocation_of_a_task_names_its_root_and_no_delegation_of_it(seen: Capture) -> None:
    seen.emitter.grant(T0, task="task_1")
    seen.emitter.revoke(task="task_1")
    fact = last(seen)
    assert (fact["root.id"], fact["task.id"]) == (D0, "task_1")
    assert "id" not in fact


def test_tasks_are_forgotten_oldest_first() -> None:
    """The memory of what was begun is bounded, whether tasks end or not."""
    with capture(known_tokens=2) as seen:
        dl = seen.emitter
        for name in ("one", "two", "three"):
            dl.grant(f"fake-token-{name}", task=name)
        for name in ("one", "three"):
            dl.end(task=name)
    one, three = seen.facts()[-2:]
    assert "root.id" not in one
    assert three["root.id"] == three["id"]


def everything(seen: Capture) -> dict[str, SeenFact]:
    dl = seen.emitter
    dl.grant(T0, method="authorization_code", task="t", max_depth=5, requested_scopes="x")
    dl.delegate(T1, subject_token=T0, outcome="allow")
    dl.renew(T1, previous_token=T1)
    dl.use("t", token=T1)
    dl.consent(token=T1)
    dl.approve("t", token=T1, approver="u-1")
    dl.revoke(T1)
    dl.end(token=T1)
    return {fact.operation: fact for fact in seen.facts()}


def test_every_operation_has_what_it_must_and_nothing_it_may_not(seen: Capture) -> None:
    facts = everything(seen)
    assert set(facts) == set(PLANS)
    for operation, fact in facts.items():
        attributes = set(fact.attributes) - {"delegation.operation.name"}
        assert REQUIRED[operation] <= attributes, operation  # type: ignore[index]
        assert attributes <= {f.attribute for f in PLANS[operation].values()}  # type: ignore[index]
    assert seen.emitter.stats().notes == {}


def test_spans_are_points_in_time_of_the_librarys_own_scope_and_the_agents_resource(
    seen: Capture,
) -> None:
    for fact in everything(seen).values():
        assert fact.span.start_time == fact.span.end_time
        scope, resource = fact.span.instrumentation_scope, fact.span.resource.attributes
        assert scope is not None
        assert (scope.name, scope.version, scope.schema_url) == (
            "grantline.emit",
            __version__,
            SCHEMA_URL,
        )
        assert resource["service.name"] == "booker"
        assert resource["service.instance.id"]


def test_what_the_agent_mistypes_is_counted_and_left_out(seen: Capture) -> None:
    mistyped: Any = {"depth": "three", "colour": "red", "id": "not an id", "purpose": "x"}
    seen.emitter.use("t", token=T1, **mistyped)
    fact = only(seen)
    assert fact["id"] == D1
    assert seen.emitter.stats().notes["refused"] == 4


def test_people_can_be_published_under_a_pseudonym() -> None:
    key = Key(b"s" * 32, "s1")
    with capture(subject_mode="hmac", subject_key=key) as seen:
        seen.emitter.grant(T0)
        seen.emitter.approve("t", approver="u-7f3a", subject_issuer=AS)
        grant, approve = seen.facts()
    name = canonical.pseudonym(AS, "u-7f3a", key)
    assert grant["subject.id"] == approve["approver.id"] == name
    assert "u-7f3a" not in str(grant.attributes)
    assert "u-7f3a" not in str(approve.attributes)


def test_a_chain_in_hmac_mode_hides_the_person_and_keeps_the_agents() -> None:
    with capture(subject_mode="hmac", subject_key=Key(b"s" * 32)) as seen:
        seen.emitter.delegate(T1, subject_token=T0)
        fact = only(seen)
    assert "u-7f3a" not in str(fact.attributes)
    assert fact["chain.actors"][1:] == (f"{AS} planner", f"{AS} booker")


def test_an_email_address_never_leaves_in_clear(seen: Capture) -> None:
    seen.emitter.grant(fake_token(iss=AS, sub="alice@example.test", client_id="c"))
    fact = only(seen)
    assert "alice" not in str(fact.attributes)
    assert fact["subject.id"].startswith("sha256:")
    assert seen.emitter.stats().notes["pseudonymised"] >= 1


def test_hmac_fingerprints_name_their_key() -> None:
    with capture(fingerprint_key=Key(b"k" * 32, "k7")) as seen:
        seen.emitter.use("t", token=T1)
        assert only(seen)["token.fingerprint"].startswith("hmac-sha256:k7:")
