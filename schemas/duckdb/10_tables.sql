-- What is kept. One writer process fills these tables; everything else is derived from them.
--
-- No primary key on the large tables: keeping one in step cost five times the throughput and
-- seven times the file (81,000 against 380,000 rows a second at two million rows). The writer is
-- alone and finds repetitions by their time and `span_key` (of findings: `id`) before it inserts.

CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL);

-- One delegation span. The columns are the fields of grantline.model.hop.Hop, except that
-- `time` is called seen_at and `received` received_at (both UTC).
CREATE TABLE IF NOT EXISTS hops (
    span_key UBIGINT NOT NULL,           -- span_id as a number: what repetitions are found by
    span_id VARCHAR NOT NULL,
    trace_id VARCHAR NOT NULL,
    operation VARCHAR NOT NULL,
    seen_at TIMESTAMP_NS NOT NULL,       -- span start
    kind BIGINT NOT NULL,
    service VARCHAR,
    service_instance VARCHAR,
    received_at TIMESTAMP_MS,            -- when the broker took the span's record; compare it with a
                                         -- TIMESTAMP_MS: for others DuckDB reads the whole column
    id VARCHAR,                          -- delegation id
    parent_id VARCHAR,
    root_id VARCHAR,                     -- NULL: not seen, which is a gap and never a root
    depth BIGINT,
    task_id VARCHAR,
    method VARCHAR,
    evidence VARCHAR,
    purpose VARCHAR,
    subject_id VARCHAR,
    subject_issuer VARCHAR,
    subject_type VARCHAR,
    actor_id VARCHAR,
    actor_issuer VARCHAR,
    actor_type VARCHAR,
    actor_client_id VARCHAR,
    actor_instance_id VARCHAR,
    presenter_id VARCHAR,
    delegator_id VARCHAR,
    delegator_issuer VARCHAR,
    chain_actors VARCHAR[],
    chain_hash VARCHAR,
    chain_parent_hash VARCHAR,
    chain_truncated BOOLEAN,
    granted_scopes VARCHAR[],            -- NULL: not said; empty: a token without scopes
    requested_scopes VARCHAR[],
    parent_scopes VARCHAR[],
    required_scopes VARCHAR[],
    audiences VARCHAR[],
    rar_types VARCHAR[],
    rar_hash VARCHAR,
    max_depth BIGINT,
    token_fingerprint VARCHAR,
    token_parent_fingerprint VARCHAR,
    token_actor_fingerprint VARCHAR,
    token_type VARCHAR,
    token_issuer VARCHAR,
    token_jti VARCHAR,
    token_issued_at BIGINT,              -- NumericDate, seconds
    token_expires_at BIGINT,             -- NumericDate, seconds
    token_binding_type VARCHAR,
    token_binding_thumbprint VARCHAR,
    token_single_use BOOLEAN,
    token_may_act VARCHAR[],
    transaction_id VARCHAR,
    decision_outcome VARCHAR,
    decision_reason VARCHAR,
    decision_policy_id VARCHAR,
    action_name VARCHAR,
    action_risk VARCHAR,
    server_address VARCHAR,
    agent_name VARCHAR,
    environment VARCHAR,
    error_type VARCHAR,
    failed BOOLEAN NOT NULL,
    consent_id VARCHAR,
    consent_kind VARCHAR,
    consent_hash VARCHAR,
    approval_id VARCHAR,
    approver_id VARCHAR,
    approver_type VARCHAR,
    approval_action_hash VARCHAR,
    approval_expires_at BIGINT,          -- NumericDate, seconds
    revocation_target VARCHAR,
    revocation_reason VARCHAR,
    revocation_cascade BOOLEAN,
    end_status VARCHAR,
    flags VARCHAR[] NOT NULL,
    parent_span_id VARCHAR,              -- of a server's span: the client's
    task_granted_at BIGINT,              -- where the task alone told the root: when that grant
                                         -- was given, nanoseconds since the epoch
    ended_at TIMESTAMP_NS,               -- span end
    token_parent_jti VARCHAR,
    token_parent_issuer VARCHAR,
    token_parent_type VARCHAR,
    token_parent_expires_at BIGINT,      -- NumericDate, seconds
    token_dialect VARCHAR,
    session_id VARCHAR,                  -- the issuer's (`sid`)
    resource VARCHAR,                    -- URL; server_address is its host
    context_id VARCHAR,                  -- the delegation baggage names, where not the token's
    context_root_id VARCHAR,
    rar_details VARCHAR,                 -- JSON text
    conversation_id VARCHAR,
    tool_call_id VARCHAR,
    mcp_session_id VARCHAR,
    a2a_task_id VARCHAR,
    chain_key VARCHAR                    -- where root_id is of a grant that only its issuer told: the
                                         -- name it is known by
);

-- Every revision of every finding, as it was said.
CREATE TABLE IF NOT EXISTS finding_history (
    id VARCHAR NOT NULL,
    revision BIGINT NOT NULL,
    status VARCHAR NOT NULL,             -- open or retracted
    provisional BOOLEAN NOT NULL,        -- a witness of the same call may still explain it
    rule VARCHAR NOT NULL,
    reference VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    confidence VARCHAR NOT NULL,
    root_id VARCHAR,
    delegation_ids VARCHAR[] NOT NULL,
    token_fingerprints VARCHAR[] NOT NULL,
    span_ids VARCHAR[] NOT NULL,
    "count" BIGINT NOT NULL,
    first_seen TIMESTAMP_NS,
    last_seen TIMESTAMP_NS,
    explanation VARCHAR NOT NULL,
    path VARCHAR[] NOT NULL,
    facts MAP(VARCHAR, VARCHAR) NOT NULL,
    retracts_if VARCHAR NOT NULL,
    triage VARCHAR NOT NULL,
    "sql" VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    extra VARCHAR                        -- JSON: `policy`, the digest of the policy it was judged under,
                                         -- `policy_change`, true where that alone made it differ,
                                         -- `actor`, `system`, `outcome`, `issuer`, `jti`, `revoked_id`
                                         -- and `revoked_by` where they are told,
                                         -- and fields this release does not know
);

-- The present state of every finding: the row of its highest revision; of two that claim the same
-- one, what was said first. A view, because to keep a table in step is to look for each finding
-- among all there are, whenever one is written.
CREATE OR REPLACE VIEW findings AS
    FROM finding_history
    WHERE rowid IN (
        SELECT arg_max(rowid, revision::HUGEINT * 1_000_000_000_000_000_000 - rowid)
        FROM finding_history GROUP BY id
    );

-- What was not taken in, and why. Never holds a value of the span: it may be a secret. The
-- reasons are those of delegation.rejected (json/rejected.v1.schema.json), and two of the writer's
-- own: `unreadable_record`, a record of our topics that it could not read or store, and
-- `deleted_unread`, records that retention removed before it read them.
CREATE TABLE IF NOT EXISTS rejected (
    reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL,
    source_topic VARCHAR NOT NULL,
    source_partition BIGINT NOT NULL,
    source_offset BIGINT NOT NULL,
    span_index BIGINT NOT NULL,          -- -1: the whole record; below: number not known
    trace_id VARCHAR,
    span_id VARCHAR,
    service VARCHAR
);

-- How far each log has been taken in, changed in the same transaction as the rows.
CREATE TABLE IF NOT EXISTS positions (
    topic VARCHAR NOT NULL,
    "partition" BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    PRIMARY KEY (topic, "partition")
);

-- What an open finding of each rule does to verdicts, as the rules of the release that opened the file
-- last declare it (rules/rule.py: Effect, Reach). Made anew at each start.
CREATE OR REPLACE TABLE rule_effects (
    rule VARCHAR NOT NULL,
    effect VARCHAR NOT NULL,             -- denies, unproves or nothing
    reaches VARCHAR NOT NULL             -- use or below
);
