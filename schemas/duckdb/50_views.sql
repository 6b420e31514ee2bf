-- What analysts look at first.

-- One row a presentation of a token: uses, and exchanges for another token.
CREATE OR REPLACE VIEW uses AS
    WITH expiry AS (
        SELECT token_fingerprint, instant(strongest(evidence, token_expires_at)) AS expires_at
        FROM hops
        WHERE operation IN ('grant', 'delegate', 'renew') AND token_fingerprint IS NOT NULL
        GROUP BY token_fingerprint
    ),
    presented AS (
        FROM owned_of('hops')
        WHERE operation = 'use'
            OR operation = 'delegate' AND token_parent_fingerprint IS NOT NULL
    )
    SELECT
        presented_fingerprint AS token_fingerprint, root_id, under_id AS delegation_id, operation, presenter,
        actor_id, service, kind, action_name, action_risk, decision_outcome, decision_reason,
        refused, audiences, required_scopes, server_address, seen_at, expiry.expires_at,
        coalesce(seen_at > expiry.expires_at, false) AS after_expiry, evidence, trace_id, span_id
    FROM presented
    LEFT JOIN expiry ON expiry.token_fingerprint = presented.presented_fingerprint;

-- One row a token, by its fingerprint.
CREATE OR REPLACE VIEW tokens AS
    WITH issued AS (
        SELECT
            token_fingerprint,
            strongest(evidence, coalesce(id, derived_id(
                CASE WHEN operation = 'renew' THEN token_parent_fingerprint
                    ELSE token_fingerprint END
            ))) AS delegation_id,
            strongest(evidence, root_id) AS root_id,
            strongest(evidence, token_type) AS token_type,
            strongest(evidence, token_issuer) AS token_issuer,
            strongest(evidence, token_jti) AS token_jti,
            strongest(evidence, granted_scopes) AS granted_scopes,
            strongest(evidence, audiences) AS audiences,
            strongest(evidence, coalesce(actor_id, actor_client_id)) AS actor_id,
            strongest(evidence, token_binding_type) AS token_binding_type,
            strongest(evidence, token_single_use) AS token_single_use,
            instant(strongest(evidence, token_issued_at)) AS issued_at,
            instant(strongest(evidence, token_expires_at)) AS expires_at
        FROM hops
        WHERE operation IN ('grant', 'delegate', 'renew') AND token_fingerprint IS NOT NULL
            AND NOT is_refused(decision_outcome, failed)
        GROUP BY token_fingerprint
    ),
    used AS (
        SELECT
            token_fingerprint,
            count(*) FILTER (WHERE operation = 'use') AS uses,
            count(*) FILTER (WHERE operation = 'delegate') AS exchanges,
            count(*) FILTER (WHERE refused) AS refused,
            min(seen_at) AS first_use,
            max(seen_at) AS last_use,
            names(presenter) AS presenters,
            names(root_id) AS roots
        FROM uses
        WHERE token_fingerprint IS NOT NULL
        GROUP BY token_fingerprint
    )
    SELECT
        token_fingerprint,
        issued.* EXCLUDE (token_fingerprint),
        issued.token_fingerprint IS NOT NULL AS issue_seen,
        coalesce(uses, 0) AS uses,
        coalesce(exchanges, 0) AS exchanges,
        coalesce(refused, 0) AS refused,
        first_use,
        last_use,
        coalesce(presenters, []) AS presenters,
        coalesce(roots, []) AS presented_in
    FROM issued
    FULL JOIN used USING (token_fingerprint);

-- What cannot be seen, and who speaks of it. A gap is never a root.
CREATE OR REPLACE VIEW gaps AS
    WITH spoken_of AS (
        SELECT root_id, parent_id AS missing, first_seen AS seen_at, span_ids[1] AS span_id,
            actor_id AS named_by
        FROM delegations WHERE parent_id IS NOT NULL
        UNION ALL
        SELECT root_id, delegation_id, seen_at, span_id, presenter
        FROM uses WHERE delegation_id IS NOT NULL
        UNION ALL
        SELECT root_id, root_id, seen_at, span_id, coalesce(presenter_id, actor_id, service)
        FROM hops WHERE root_id IS NOT NULL
    )
    SELECT
        CASE WHEN missing = root_id THEN 'missing_root' ELSE 'missing_delegation' END AS kind,
        root_id, missing, count(DISTINCT span_id) AS spans, min(seen_at) AS first_seen,
        arg_min(span_id, seen_at) AS first_span, names(named_by) AS named_by
    FROM spoken_of
    ANTI JOIN delegations
        ON delegations.id = spoken_of.missing
        AND delegations.root_id IS NOT DISTINCT FROM spoken_of.root_id
    WHERE spoken_of.root_id IS NOT NULL
    GROUP BY root_id, missing
    UNION ALL
    SELECT
        'unrooted', NULL, coalesce(id, token_fingerprint, task_id, span_id), count(*),
        min(seen_at), arg_min(span_id, seen_at), names(coalesce(presenter_id, actor_id, service))
    FROM hops
    WHERE root_id IS NULL
    GROUP BY ALL;

-- One row a chain: everything under one original grant. `unrooted` delegations are those that no
-- unbroken way leads to from the root: below a gap, or in a ring. The walk ends at 64 levels.
CREATE OR REPLACE VIEW chains AS
    WITH RECURSIVE
    edge AS MATERIALIZED (
        SELECT root_id, id, parent_id, subject_id, subject_type, actor_id FROM delegations
        WHERE root_id IS NOT NULL
    ),
    walk AS (
        SELECT DISTINCT root_id, root_id AS id, 0 AS steps FROM edge
        UNION ALL
        SELECT walk.root_id, edge.id, walk.steps + 1
        FROM walk
        JOIN edge ON edge.parent_id = walk.id AND edge.root_id = walk.root_id
        WHERE walk.steps < 64
    ),
    deep AS (
        SELECT root_id, max(steps) AS depth, count(*) AS walked FROM walk GROUP BY root_id
    ),
    granted AS (
        SELECT
            root_id,
            max(subject_id) FILTER (WHERE id = root_id) AS human,
            max(subject_type) FILTER (WHERE id = root_id) AS human_type,
            names(actor_id) AS actors,
            count(*) AS delegations,
            count(*) FILTER (WHERE id = root_id) AS roots
        FROM edge
        GROUP BY root_id
    ),
    missing AS (
        SELECT root_id, count(*) AS gaps FROM gaps WHERE root_id IS NOT NULL GROUP BY root_id
    ),
    counted AS (
        SELECT
            root_id,
            count(*) AS hops,
            count(*) FILTER (WHERE operation = 'use') AS uses,
            count(DISTINCT token_fingerprint) AS tokens,
            names(task_id) AS tasks,
            min(seen_at) AS first_seen,
            max(seen_at) AS last_seen
        FROM hops
        WHERE root_id IS NOT NULL
        GROUP BY root_id
    ),
    -- A finding touches the chain it is told under and those of its violating spans: a token in two
    -- chains accuses both.
    touched AS (
        SELECT id, root_id, severity FROM findings WHERE status = 'open' AND root_id IS NOT NULL
        UNION
        SELECT accused.id, hops.root_id, accused.severity
        FROM (
            SELECT id, severity, unnest(span_ids) AS span_id FROM findings WHERE status = 'open'
        ) AS accused
        JOIN hops USING (span_id)
        WHERE hops.root_id IS NOT NULL
    ),
    judged AS (
        SELECT root_id, count(*) AS open_findings, arg_max(severity, severity_rank(severity)) AS worst
        FROM touched
        GROUP BY root_id
    )
    SELECT
        counted.root_id, human, human_type, coalesce(actors, []) AS actors,
        coalesce(depth, 0) AS depth, coalesce(delegations, 0) AS delegations, hops, uses, tokens,
        coalesce(open_findings, 0) AS open_findings, worst, coalesce(gaps, 0) AS gaps,
        -- The walk starts at the root's id, whether its grant was seen or not.
        coalesce(delegations - roots - walked + 1, 0) AS unrooted,
        coalesce(depth = 64, false) AS truncated, tasks, first_seen, last_seen
    FROM counted
    LEFT JOIN granted USING (root_id)
    LEFT JOIN deep USING (root_id)
    LEFT JOIN missing USING (root_id)
    LEFT JOIN judged USING (root_id);
