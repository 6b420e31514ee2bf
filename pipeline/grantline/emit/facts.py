"""The facts an agent may state by keyword, for editors and type checkers.

At run time an unknown keyword is counted and left out, never an exception in the agent. A
test holds these names equal to `attributes.FIELDS` and `attributes.ALIASES`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

Strings = str | Iterable[str]


class Facts(TypedDict, total=False):
    """One key per attribute of the convention (1.3), without prefix, dots as underscores."""

    actor: str
    approver: str
    environment: str
    outcome: str
    presenter: str
    reason: str
    risk: str
    scopes: Strings
    session: str
    subject: str
    task: str
    tool: str

    id: str
    parent_id: str
    root_id: str
    depth: int
    task_id: str
    method: str
    evidence: str
    purpose: str
    subject_id: str
    subject_issuer: str
    subject_type: str
    actor_id: str
    actor_issuer: str
    actor_type: str
    actor_client_id: str
    actor_instance_id: str
    presenter_id: str
    delegator_id: str
    delegator_issuer: str
    chain_actors: Strings
    chain_hash: str
    chain_parent_hash: str
    chain_truncated: bool
    granted_scopes: Strings
    requested_scopes: Strings
    parent_scopes: Strings
    required_scopes: Strings
    audiences: Strings
    rar_types: Strings
    rar_hash: str
    rar_details: str
    max_depth: int
    token_fingerprint: str
    token_parent_fingerprint: str
    token_actor_fingerprint: str
    token_type: str
    token_issuer: str
    token_jti: str
    token_issued_at: int
    token_expires_at: int
    token_binding_type: str
    token_binding_thumbprint: str
    token_single_use: bool
    token_may_act: Strings
    transaction_id: str
    decision_outcome: str
    decision_reason: str
    decision_policy_id: str
    action_name: str
    action_risk: str
    consent_id: str
    consent_kind: str
    consent_hash: str
    approval_id: str
    approver_id: str
    approver_type: str
    approval_action_hash: str
    approval_expires_at: int
    revocation_target: str
    revocation_reason: str
    revocation_cascade: bool
    end_status: str
    token_parent_jti: str
    token_parent_issuer: str
    token_parent_type: str
    token_parent_expires_at: int
    token_dialect: str
    session_id: str
    resource: str
    context_id: str
    context_root_id: str

    gen_ai_agent_name: str
    gen_ai_agent_version: str
    gen_ai_conversation_id: str
    gen_ai_operation_name: str
    gen_ai_tool_name: str
    gen_ai_tool_call_id: str
    mcp_method_name: str
    mcp_session_id: str
    a2a_task_id: str
    user_hash: str
    server_address: str
    client_address: str
    error_type: str
    deployment_environment_name: str
