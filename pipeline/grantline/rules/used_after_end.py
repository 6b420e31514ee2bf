"""Authority is used after the task that it was given for has ended."""

from __future__ import annotations

from grantline.model.chain import Use
from grantline.model.death import first, struck
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.policy import NS
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule


def check(use: Use, where: InChain) -> Hits:
    endings, owner = where.chain.endings, use.token.owner
    if endings is None or use.refused:
        return NONE
    told = owner.over if owner is not None else ()
    if use.task_id is not None:
        told = first(told, endings.tasks.get(use.task_id, ()))
    end = struck(told, use.time, use.clocks, where.policy.end_grace_seconds * NS) if told else None
    if end is None:
        return NONE
    if use.action is not None and use.action in where.policy.cleanup_actions:
        return NONE
    chain, who = where.chain, use.by or "someone"
    what = words.credential(use.token.fingerprint, use.token.key)
    over = f"task {end.delegation_id}" if end.delegation_id else "its delegation"
    doing = "exchanged" if use.operation == "delegate" else "used"
    hit = Hit(
        reference="TR-08",
        identity=(chain.root_id, use.token.key),
        says=f"{who} {doing} {what} {words.span(use.time - end.time)} after {over} ended",
        severity=Severity.CRITICAL
        if words.grave(use.risk, where.policy, use.action)
        else RULE.severity,
        confidence=RULE.confidence if use.stated else Confidence.MEDIUM,
        time=use.time,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (use.token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action or who}"),
        facts=(
            ("ended", words.instant(end.time)),
            ("ended by span", end.span_id),
            (doing, words.instant(use.time)),
        ),
    )
    return (hit,)


RULE = Rule(
    id="used-after-end",
    references=("TR-08",),
    reads=Use,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.BELOW,
    needs="endings",
    title="Authority used after its task ended",
    severity=Severity.HIGH,
    confidence=Confidence.HIGH,
    why="People consent to a task, not to a token's lifetime. What goes on after the end does so "
    "without anybody who asked for it, and mostly without anybody who watches.",
    triage="Stop the agent and see what it did since the end. If the work was meant (a callback, "
    "cleaning up), name its actions in the policy; if the task goes on, give it a new grant.",
    blind_spots="Tasks that nobody ends, and authority that names no task. A part that ends by its "
    "own delegation does not end its siblings.",
    retracts_if="the end turns out to be another run's, or stronger evidence says that the "
    "authority was given for another task",
    maps=("ASI03", "ASI10", "NHI1", "MANAGE 2.4"),
    fires={
        "the planner goes on": """
            alice grant planner token=t0 task=k1
            @100 planner end task=k1 root=dlg:t0
            @200 planner use t0
        """,
        "so does a delegate, whose report names no task": """
            alice grant planner token=t0 scopes=read task=k1
            planner delegate worker from=t0 token=t1 scopes=read
            @100 planner end task=k1 root=dlg:t0
            @200 worker use t1
        """,
        "only the use says for which task it is": """
            alice grant planner token=t0
            @100 planner end task=k1 root=dlg:t0
            @200 planner use t0 task=k1
        """,
        "a delegation that ended is exchanged": """
            alice grant planner token=t0 scopes=read
            planner delegate worker from=t0 token=t1 scopes=read
            @100 worker end id=dlg:t1 root=dlg:t0
            @200 worker delegate tool from=t1 token=t2 scopes=read
        """,
    },
    quiet={
        "nobody knows when it was used": """
            alice grant planner token=t0 task=k1
            @100 planner end task=k1 root=dlg:t0
            @500 planner use t0 flags=clock_unusable
        """,
        "nobody knows when it ended": """
            alice grant planner token=t0 task=k1
            @100 planner end task=k1 root=dlg:t0 flags=clock_unusable
            @500 planner use t0
        """,
        "under way as it ended": """
            alice grant planner token=t0 task=k1
            @100 planner end task=k1 root=dlg:t0
            @130 planner use t0
        """,
        "refused": """
            alice grant planner token=t0 task=k1
            @100 planner end task=k1 root=dlg:t0
            @200 planner use t0 outcome=deny
        """,
        "another task of the same chain": """
            alice grant planner token=t0 scopes=read task=k1
            planner delegate worker from=t0 token=t1 scopes=read task=k2
            @100 planner end task=k1 root=dlg:t0
            @200 worker use t1 task=k2
        """,
        "a part ends, its sibling goes on": """
            alice grant planner token=t0 scopes=read task=k1
            planner delegate a from=t0 token=t1 scopes=read task=k1
            planner delegate b from=t0 token=t2 scopes=read task=k1
            @100 a end id=dlg:t1 task=k1 root=dlg:t0
            @200 b use t2 task=k1
            @200 planner use t0 task=k1
        """,
        "an earlier run of a task of that name": """
            alice grant planner token=t0 task=k1
            @100 planner end - task=k1 root=-
            @200 bob grant planner token=t9 task=k1
            @300 planner use t9 task=k1
        """,
    },
    late={
        "the end is reported after the use": """
            alice grant planner token=t0 task=k1
            @200 planner use t0
            late: @100 planner end task=k1 root=dlg:t0
        """,
        "the end turns out to be another run's": """
            alice grant planner token=t0 task=k1
            @300 planner end - task=k1 root=-
            @500 planner use t0
            late: @200 bob grant planner token=t9 task=k1
        """,
    },
)
