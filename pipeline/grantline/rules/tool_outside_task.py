"""A tool is used that its task may not use, by the policy."""

from __future__ import annotations

from grantline.model.chain import Use
from grantline.model.finding import Confidence, Hit, Severity
from grantline.model.hop import USE
from grantline.rules import words
from grantline.rules.rule import NONE, Effect, Hits, InChain, Reach, Rule


def check(use: Use, where: InChain) -> Hits:
    tools = where.policy.task_tools
    if not tools or use.action is None or use.refused or use.operation != USE:
        return NONE
    owner = use.token.owner
    # The task its authority was given for goes before the one that the use itself names.
    task = (owner.facts.task_id if owner is not None else None) or use.task_id
    allowed = tools.get(task or "")
    if allowed is None or use.action in allowed:
        return NONE
    chain, who = where.chain, use.by or "someone"
    grave = words.grave(use.risk, where.policy, use.action)
    hit = Hit(
        reference="SE-16",
        identity=(chain.root_id, use.token.key, use.action),
        says=f"{who} used {use.action} for task {task}, which may use "
        f"{words.scopes(tuple(sorted(allowed)))}",
        severity=Severity.HIGH if grave else RULE.severity,
        confidence=RULE.confidence if use.stated else Confidence.MEDIUM,
        time=use.time,
        root_id=chain.root_id,
        span_ids=(use.span_id,),
        delegation_ids=(owner.id,) if owner is not None else (),
        token_fingerprints=tuple(filter(None, (use.token.fingerprint,))),
        path=(*chain.path(owner), f"⇒ {use.action}"),
        facts=(("task", str(task)), ("tool", use.action)),
    )
    return (hit,)


RULE = Rule(
    id="tool-outside-task",
    references=("SE-16",),
    reads=Use,
    check=check,
    effect=Effect.DENIES,
    reaches=Reach.USE,
    title="Tool used outside its task's envelope",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    why="A task's tools are what somebody thought through. A prompt that was injected asks for "
    "others.",
    triage="Read what made the agent call this tool. If the task needs it, write it into the "
    "policy (`task_tools`); otherwise stop the agent and revoke the task's grant.",
    blind_spots="Tasks that the policy does not name, and uses that name neither task nor token.",
    retracts_if="stronger evidence shows that the authority was given for another task",
    maps=("ASI02", "NHI5", "AML.T0053"),
    policy={"task_tools": {"trip": frozenset({"search", "book"})}},
    fires={
        "a tool that the task has not": """
            alice grant planner token=t0 task=trip
            planner use t0 action=pay
        """,
        "the use names the task itself": """
            alice grant planner token=t0
            planner use t0 action=pay task=trip
        """,
    },
    quiet={
        "one of its tools": """
            alice grant planner token=t0 task=trip
            planner use t0 action=book
        """,
        "a task that the policy does not name": """
            alice grant planner token=t0 task=payroll
            planner use t0 action=pay
        """,
        "refused": """
            alice grant planner token=t0 task=trip
            planner use t0 action=pay outcome=deny
        """,
    },
    late={
        "the grant comes last and says for which task it is": """
            planner use t0 action=pay root=dlg:t0
            late: alice grant planner token=t0 task=trip
        """,
    },
)
