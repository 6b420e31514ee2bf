-- Hops merged into delegations: one row for each edge "somebody may act with this authority".
--
-- Each macro takes the name of a table, view or CTE of hops, so that a question about one chain
-- never reads the others.

-- Which delegation a token belongs to: the strongest report of its issue decides.
CREATE OR REPLACE MACRO token_owners_of(hop_rows) AS TABLE
    SELECT
        root_id,
        token_fingerprint,
        strongest(evidence, coalesce(id, derived_id(
            CASE WHEN operation = 'renew' THEN token_parent_fingerprint ELSE token_fingerprint END
        ))) AS delegation_id
    FROM query_table(hop_rows)
    WHERE operation IN ('grant', 'delegate', 'renew')
        AND token_fingerprint IS NOT NULL
        AND NOT is_refused(decision_outcome, failed)
    GROUP BY root_id, token_fingerprint;

CREATE OR REPLACE MACRO delegations_of(hop_rows) AS TABLE
    WITH reports AS (
        SELECT *, coalesce(id, derived_id(token_fingerprint)) AS delegation_id
        FROM query_table(hop_rows)
        WHERE operation IN ('grant', 'delegate') AND NOT is_refused(decision_outcome, failed)
    ),
    merged AS (
        SELECT
            root_id,
            delegation_id,
            strongest(evidence, CASE WHEN operation = 'delegate' THEN parent_id END) AS named_parent,
            strongest(
                evidence, CASE WHEN operation = 'delegate' THEN token_parent_fingerprint END
            ) AS parent_fingerprint,
            strongest(evidence, operation) AS operation,
            strongest(evidence, subject_id) AS subject_id,
            strongest(evidence, subject_type) AS subject_type,
            strongest(evidence, coalesce(actor_id, actor_client_id)) AS actor_id,
            strongest(evidence, actor_type) AS actor_type,
            strongest(evidence, delegator_id) AS delegator_id,
            strongest(evidence, granted_scopes) AS granted_scopes,
            strongest(evidence, parent_scopes) AS named_parent_scopes,
            strongest(evidence, audiences) AS audiences,
            strongest(evidence, method) AS method,
            strongest(evidence, purpose) AS purpose,
            strongest(evidence, task_id) AS task_id,
            strongest(evidence, depth) AS named_depth,
            strongest(evidence, max_depth) AS max_depth,
            strongest(evidence, token_fingerprint) AS token_fingerprint,
            strongest(evidence, token_type) AS token_type,
            strongest(evidence, token_issuer) AS token_issuer,
            strongest(evidence, token_jti) AS token_jti,
            instant(strongest(evidence, token_expires_at)) AS expires_at,
            strongest(evidence, consent_id) AS consent_id,
            strongest(evidence, agent_name) AS agent_name,
            arg_max(evidence, evidence_rank(evidence)) AS evidence,
            names(evidence) AS all_evidence,
            names(service) AS services,
            min(seen_at) AS first_seen,
            max(seen_at) AS last_seen,
            count(*) AS reports,
            list(DISTINCT span_id ORDER BY span_id) AS span_ids
        FROM reports
        WHERE delegation_id IS NOT NULL
        GROUP BY root_id, delegation_id
    )
    SELECT
        merged.root_id,
        merged.delegation_id AS id,
        -- The presented token decides; the named parent is believed where its owner is unknown.
        CASE WHEN merged.delegation_id IS DISTINCT FROM merged.root_id
            THEN nullif(
                coalesce(owner.delegation_id, named_parent, derived_id(parent_fingerprint)),
                merged.delegation_id
            ) END AS parent_id,
        merged.* EXCLUDE (root_id, delegation_id)
    FROM merged
    LEFT JOIN token_owners_of(hop_rows) AS owner
        ON owner.root_id IS NOT DISTINCT FROM merged.root_id
        AND owner.token_fingerprint = merged.parent_fingerprint;

-- Every hop with the delegation it is about (`delegation_id`) and the one whose authority it
-- presents (`under_id`): an exchange makes one delegation with the authority of another. A refused
-- exchange made none, so it is about the one it was tried with.
CREATE OR REPLACE MACRO owned_of(hop_rows) AS TABLE
    WITH presented AS (
        SELECT
            hop.*,
            CASE WHEN operation = 'delegate' THEN hop.token_parent_fingerprint
                ELSE hop.token_fingerprint END AS presented_fingerprint,
            CASE WHEN operation = 'delegate' THEN hop.parent_id ELSE hop.id END AS named_id,
            coalesce(presenter_id, actor_id, service) AS presenter,
            is_refused(decision_outcome, failed) AS refused
        FROM query_table(hop_rows) AS hop
    ),
    acting AS (
        SELECT
            presented.*,
            coalesce(owner.delegation_id, named_id, derived_id(presented_fingerprint)) AS under_id
        FROM presented
        LEFT JOIN token_owners_of(hop_rows) AS owner
            ON owner.root_id IS NOT DISTINCT FROM presented.root_id
            AND owner.token_fingerprint = presented.presented_fingerprint
    )
    SELECT
        CASE
            WHEN operation IN ('grant', 'delegate') AND NOT refused
                THEN coalesce(id, derived_id(token_fingerprint))
            WHEN operation = 'renew' THEN coalesce(id, derived_id(token_parent_fingerprint))
            ELSE under_id
        END AS delegation_id,
        *
    FROM acting;

CREATE OR REPLACE VIEW delegations AS FROM delegations_of('hops');
