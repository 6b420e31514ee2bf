"""Approvals: what a person let happen, and what happened on her word."""

from __future__ import annotations

from typing import Any

from grantline.model.policy import NS
from tests.truth.kind import abusive, honest
from tests.truth.scene import MINUTES, Held, Scene

_DECIDED = "the decision with its approval's id, and the server that acts repeats that id"
_PAY: dict[str, Any] = {"action": {"pay": "12.50", "to": "acme"}}
_MORE: dict[str, Any] = {"action": {"pay": "1250.00", "to": "acme"}}


def _pays(scene: Scene, held: Held, approval: str, *, outcome: str = "allow", **facts: Any) -> None:
    scene.accept(held.audience, held, outcome=outcome, approval_id=approval, **facts)


@abusive("an action on an approval that was denied", "CN-07", twins=2, rest=_DECIDED)
def denied(scene: Scene) -> None:
    own = scene.chain(1, uses=1)[-1]
    outcome = "approved" if scene.twin == 1 else scene.random.choice(("denied", "expired"))
    approval = scene.approve(own, "a", outcome=outcome)
    _pays(scene, own, approval, outcome="deny" if scene.twin == 2 else "allow")


@abusive("an action on an approval that has lapsed", "CN-07", twins=2, rest=_DECIDED)
def lapsed(scene: Scene) -> None:
    own = scene.chain(1, uses=1)[-1]
    until = scene.now // NS + 60 + (2 * MINUTES if scene.twin == 1 else 0)
    approval = scene.approve(own, "a", approval_expires_at=until)
    scene.wait(MINUTES)
    _pays(scene, own, approval, outcome="deny" if scene.twin == 2 else "allow")


@abusive("two actions on one approval", "CN-07", twins=4, rest=_DECIDED)
def twice(scene: Scene) -> None:
    own = scene.chain(1, uses=1)[-1]
    approval = scene.approve(own, "a", **_PAY)
    call = {"gen_ai_tool_call_id": f"call-{scene.case}"} if scene.twin == 3 else {}
    if scene.twin == 4:  # the only one, later
        scene.wait(1)
    else:
        _pays(scene, own, approval, **_PAY, **call)
    if scene.twin != 1:
        _pays(scene, own, approval, outcome="deny" if scene.twin == 2 else "allow", **_PAY, **call)


@abusive("an action with other arguments than were approved", "CN-07", twins=3, rest=_DECIDED)
def other_arguments(scene: Scene) -> None:
    own = scene.chain(1, uses=1)[-1]
    # The third twin was approved as it was done.
    approval = scene.approve(own, "a", **(_MORE if scene.twin == 3 else _PAY))
    _pays(scene, own, approval, outcome="deny" if scene.twin == 2 else "allow",
          **(_PAY if scene.twin == 1 else _MORE))  # fmt: skip


@abusive("an action on another person's approval", "CN-07", twins=2, rest=_DECIDED)
def foreign(scene: Scene) -> None:
    mine = scene.chain(1, uses=1)[-1]
    other = scene.exchange("planner", scene.login(f"zoe-{scene.case}"), "worker")
    assert other
    approval = scene.approve(mine if scene.twin == 1 else other, "a")
    _pays(scene, mine, approval, outcome="deny" if scene.twin == 2 else "allow")


@honest("one action as it was approved, told by both sides")
def approved(scene: Scene) -> None:
    own = scene.chain(1)[-1]
    until = scene.now // NS + MINUTES
    approval = scene.approve(own, "a", approval_expires_at=until, **_PAY)
    scene.use(own.audience, own, approval_id=approval,
              gen_ai_tool_call_id=f"call-{scene.case}", **_PAY)  # fmt: skip


# Where the second decision was lost, the first is all that anybody knows.
@honest("asked twice: nobody decided in time, then it was approved", may="CN-07")
def asked_again(scene: Scene) -> None:
    own = scene.chain(1)[-1]
    scene.approve(own, "a", outcome="expired")
    approval = scene.approve(own, "a")
    _pays(scene, own, approval)


@honest("two approvals, one for each action")
def one_each(scene: Scene) -> None:
    own = scene.chain(1)[-1]
    for name in ("a", "b"):
        _pays(scene, own, scene.approve(own, name, **_PAY), **_PAY)


@honest("denied, and not done")
def heeded(scene: Scene) -> None:
    own = scene.chain(1)[-1]
    approval = scene.approve(own, "a", outcome="denied")
    _pays(scene, own, approval, outcome="deny")


@honest("approved for the delegation, done further down by its delegate")
def further_down(scene: Scene) -> None:
    made = scene.chain(2)
    approval = scene.approve(made[0], "a", **_PAY)
    _pays(scene, made[-1], approval, **_PAY)
