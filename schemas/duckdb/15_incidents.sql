-- Incidents and what people did about them, as the alert process says it.

-- Every revision of every incident (json/incident.v1.schema.json), as it was said. Times are UTC.
CREATE TABLE IF NOT EXISTS incident_revisions (
    id VARCHAR NOT NULL,                 -- of what it is about alone
    revision BIGINT NOT NULL,
    episode BIGINT NOT NULL,             -- how often it had been over and began again
    state VARCHAR NOT NULL,              -- open, quiet, acknowledged, silenced, pending, signal; over:
                                         -- resolved, retracted, explained, false_positive
    continuing BOOLEAN NOT NULL,         -- open, and something of it was reported lately
    severity VARCHAR NOT NULL,
    confidence VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    claim VARCHAR NOT NULL,              -- one sentence: what happened, or what has become of it
    going_on VARCHAR NOT NULL,           -- one sentence, as of `as_of`
    reference VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,               -- chain, revoked, presenter, issuer or finding
    subject VARCHAR NOT NULL,
    root_id VARCHAR,
    detected MAP(VARCHAR, BIGINT) NOT NULL,  -- reference -> findings
    path VARCHAR[] NOT NULL,
    systems VARCHAR[] NOT NULL,
    system_count BIGINT NOT NULL,
    outcome VARCHAR NOT NULL,
    actors VARCHAR[] NOT NULL,
    actor_count BIGINT NOT NULL,
    token_count BIGINT NOT NULL,
    issuer VARCHAR,
    jti VARCHAR,
    "revoke" VARCHAR NOT NULL,           -- how to end it at the issuer
    revoked_by VARCHAR,
    revoked_at TIMESTAMP_MS,
    findings BIGINT NOT NULL,            -- open ones
    uses BIGINT NOT NULL,
    signals BIGINT NOT NULL,             -- open ones below what pages anybody
    member_count BIGINT NOT NULL,        -- findings, whatever became of them
    members VARCHAR[] NOT NULL,          -- ids of the first 100 of them
    lead VARCHAR NOT NULL,               -- id of the finding that it is told by
    first_seen TIMESTAMP_MS,
    last_seen TIMESTAMP_MS,
    as_of TIMESTAMP_MS,                  -- when this was said
    changed_at TIMESTAMP_MS,             -- when something of it was reported last, by our clock
    known_since TIMESTAMP_MS,            -- what was stamped before it was told to nobody
    reach VARCHAR NOT NULL,
    facts MAP(VARCHAR, VARCHAR) NOT NULL,
    retracts_if VARCHAR NOT NULL,
    do_first VARCHAR NOT NULL,           -- empty where nothing is asked any more
    runbook VARCHAR NOT NULL,
    "sql" VARCHAR[] NOT NULL,
    told VARCHAR NOT NULL,               -- JSON: destination -> what it has taken last, and when
    acknowledged_by VARCHAR,
    acknowledged_at TIMESTAMP_MS,
    assignee VARCHAR,
    closed_by VARCHAR,                   -- who resolved it, or called it a false positive
    closed_at TIMESTAMP_MS,
    closed_until TIMESTAMP_MS,
    reason VARCHAR,
    silence_id VARCHAR,
    silenced_until TIMESTAMP_MS,
    silenced_uses BIGINT NOT NULL,       -- that came in under the silence
    version VARCHAR NOT NULL
);

-- The present state of every incident: its highest revision.
CREATE OR REPLACE VIEW incidents AS
    FROM incident_revisions
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC, rowid) = 1;

-- What people asked for (json/action.v1.schema.json), and what became of it: one row for each.
CREATE TABLE IF NOT EXISTS action_history (
    id VARCHAR NOT NULL,
    state VARCHAR NOT NULL,              -- recorded; taken or refused by the alert process
    "at" TIMESTAMP_MS,                   -- when it was asked for, by the clock of who did
    who VARCHAR NOT NULL,
    what VARCHAR NOT NULL,               -- acknowledge, assign, silence, unsilence, resolve or
                                         -- false_positive
    via VARCHAR NOT NULL,
    incident VARCHAR,
    silence VARCHAR,
    rule VARCHAR,                        -- what a silence is about; all that is named holds
    agent VARCHAR,
    issuer VARCHAR,
    root_id VARCHAR,
    until TIMESTAMP_MS,
    reason VARCHAR,
    assignee VARCHAR,
    outcome_at TIMESTAMP_MS,
    why VARCHAR,                         -- it was refused
    version VARCHAR NOT NULL
);

-- Every action once, in its present state.
CREATE OR REPLACE VIEW actions AS
    FROM action_history
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY state = 'recorded', rowid) = 1;

-- Every silence, and whether it holds now. One that is only recorded does not hold yet.
CREATE OR REPLACE VIEW silences AS
    WITH ended AS (
        SELECT silence, min(coalesce(outcome_at, "at")) AS ended_at, arg_min(who, "at") AS ended_by
        FROM actions
        WHERE what = 'unsilence' AND state = 'taken'
        GROUP BY silence
    )
    SELECT silence AS id, state, who AS owner, reason, rule, agent, issuer, root_id,
        "at" AS began_at, until, ended_at, ended_by, why,
        state = 'taken' AND ended_at IS NULL AND until > make_timestamp(epoch_us(now())) AS active
    FROM actions LEFT JOIN ended USING (silence)
    WHERE what = 'silence';
