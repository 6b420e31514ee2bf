-- Hops merged into delegations: one row for each edge "somebody may act with this authority".
--
-- Each macro takes the name of a table, view or CTE of hops, so that a question about one chain
-- never reads the others. Those called `..._with` are also given the names of what was made of these
-- hops before, so that a question plans and computes each part once.

-- Which delegation a token belongs to: the strongest report of its issue decides.
CREATE OR REPLACE MACRO token_owners_of(hop_rows) AS TABLE
    WITH claims AS (
        SELECT
            root_id,
            token_fingerprint,
            evidence_rank(evidence) AS strength,
            max(coalesce(id, derived_id(
                CASE WHEN operation = 'renew' THEN token_parent_fingerprint
                    ELSE token_fingerprint END
            ))) AS delegation_id
        FROM query_table(hop_rows)
        WHERE operation IN ('grant', 'delegate', 'renew')
            AND token_fingerprint IS NOT NULL
            AND NOT is_refused(decision_outcome, failed)
        GROUP BY ALL
    )
    SELECT root_id, token_fingerprint, arg_max(delegation_id, strength) AS delegation_id
    FROM claims
    GROUP BY root_id, token_fingerprint;

CREATE OR REPLACE MACRO delegations_with(hop_rows, owner_rows) AS TABLE
    WITH reports AS (
        SELECT *, coalesce(id, derived_id(token_fingerprint)) AS delegation_id
        FROM query_table(hop_rows)
        WHERE operation IN ('grant', 'delegate') AND NOT is_refused(decision_outcome, failed)
    ),
    -- Reports of equal strength settle on the greater value, so that the order of arrival decides
    -- nothing; then the strongest that says anything is believed, field by field.
    by_strength AS (
        SELECT
            root_id,
            delegation_id,
            evidence_rank(evidence) AS strength,
            max(evidence) AS evidence,
            max(CASE WHEN operation = 'delegate' THEN parent_id END) AS named_parent,
            max(CASE WHEN operation = 'delegate' THEN token_parent_fingerprint END) AS parent_fingerprint,
            max(operation) AS operation,
            max(subject_id) AS subject_id,
            max(subject_type) AS subject_type,
            max(coalesce(actor_id, actor_client_id)) AS actor_id,
            max(actor_type) AS actor_type,
            max(delegator_id) AS delegator_id,
            max(granted_scopes) AS granted_scopes,
            max(parent_scopes) AS named_parent_scopes,
            max(audiences) AS audiences,
            max(rar_types) AS rar_types,
            max(rar_hash) AS rar_hash,
            max(rar_details) AS rar_details,
            max(method) AS method,
            max(purpose) AS purpose,
            max(task_id) AS task_id,
            max(depth) AS named_depth,
            max(max_depth) AS max_depth,
            max(token_fingerprint) AS token_fingerprint,
            max(token_type) AS token_type,
            max(token_issuer) AS token_issuer,
            max(token_jti) AS token_jti,
            max(token_expires_at) AS expires_at,
            max(consent_id) AS consent_id,
            max(agent_name) AS agent_name,
            names(evidence) AS all_evidence,
            names(service) AS services,
            min(seen_at) AS first_seen,
            max(seen_at) AS last_seen,
            count(*) AS reports,
            list(DISTINCT span_id) AS span_ids
        FROM reports
        WHERE delegation_id IS NOT NULL
        GROUP BY root_id, delegation_id, evidence_rank(evidence)
    ),
    merged AS (
        SELECT
            root_id,
            delegation_id,
            arg_max(named_parent, strength) AS named_parent,
            arg_max(parent_fingerprint, strength) AS parent_fingerprint,
            arg_max(operation, strength) AS operation,
            arg_max(subject_id, strength) AS subject_id,
            arg_max(subject_type, strength) AS subject_type,
            arg_max(actor_id, strength) AS actor_id,
            arg_max(actor_type, strength) AS actor_type,
            arg_max(delegator_id, strength) AS delegator_id,
            arg_max(granted_scopes, strength) AS granted_scopes,
            arg_max(named_parent_scopes, strength) AS named_parent_scopes,
            arg_max(audiences, strength) AS audiences,
            arg_max(rar_types, strength) AS rar_types,
            arg_max(rar_hash, strength) AS rar_hash,
            arg_max(rar_details, strength) AS rar_details,
            arg_max(method, strength) AS method,
            arg_max(purpose, strength) AS purpose,
            arg_max(task_id, strength) AS task_id,
            arg_max(named_depth, strength) AS named_depth,
            arg_max(max_depth, strength) AS max_depth,
            arg_max(token_fingerprint, strength) AS token_fingerprint,
            arg_max(token_type, strength) AS token_type,
            arg_max(token_issuer, strength) AS token_issuer,
            arg_max(token_jti, strength) AS token_jti,
            instant(arg_max(expires_at, strength)) AS expires_at,
            arg_max(consent_id, strength) AS consent_id,
            arg_max(agent_name, strength) AS agent_name,
            arg_max(evidence, strength) AS evidence,
            list_sort(list_distinct(flatten(list(all_evidence)))) AS all_evidence,
            list_sort(list_distinct(flatten(list(services)))) AS services,
            min(first_seen) AS first_seen,
            max(last_seen) AS last_seen,
            sum(reports)::BIGINT AS reports,
            list_sort(list_distinct(flatten(list(span_ids)))) AS span_ids
        FROM by_strength
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
    LEFT JOIN query_table(owner_rows) AS owner
        ON owner.root_id IS NOT DISTINCT FROM merged.root_id
        AND owner.token_fingerprint = merged.parent_fingerprint;

-- Every hop with the delegation it is about (`delegation_id`) and the one whose authority it
-- presents (`under_id`): an exchange makes one delegation with the authority of another. A refused
-- exchange made none, so it is about the one it was tried with. A client does not decide: what its
-- server refused, it was refused. Where no server's span is below the client's, they are joined by the
-- token, and the minute and those beside it, as the engine joins them (lineage/refusals.py).
CREATE OR REPLACE MACRO owned_with(hop_rows, owner_rows) AS TABLE
    WITH told AS (
        SELECT
            hop.*,
            CASE WHEN operation = 'delegate' THEN hop.token_parent_fingerprint
                ELSE hop.token_fingerprint END AS presented_fingerprint,
            CASE WHEN operation = 'delegate' THEN hop.parent_id ELSE hop.id END AS named_id,
            presenter_of(operation, kind, presenter_id, actor_id, service) AS presenter,
            coalesce(presented_fingerprint, named_id) AS shown,
            is_refused(decision_outcome, failed) AS denied
        FROM query_table(hop_rows) AS hop
    ),
    refusals AS (
        SELECT DISTINCT root_id, shown, parent_span_id
        FROM told
        WHERE denied AND kind IN (2, 5) AND operation IN ('use', 'delegate')
            AND parent_span_id IS NOT NULL
    ),
    minutes AS (
        SELECT DISTINCT root_id, shown,
            unnest([minute_of(seen_at) - 1, minute_of(seen_at), minute_of(seen_at) + 1]) AS minute
        FROM told
        WHERE denied AND kind IN (2, 5) AND operation = 'use'
    ),
    near AS (
        SELECT told.root_id, told.shown, told.span_id
        FROM told
        JOIN minutes
            ON minutes.shown = told.shown AND minutes.root_id IS NOT DISTINCT FROM told.root_id
            AND minutes.minute = minute_of(told.seen_at)
        WHERE kind IN (3, 4) AND operation = 'use' AND decision_outcome IS NULL
    ),
    unanswered AS (
        SELECT DISTINCT near.*
        FROM near
        ANTI JOIN told
            ON told.parent_span_id = near.span_id AND told.shown = near.shown
            AND told.root_id IS NOT DISTINCT FROM near.root_id AND told.kind IN (2, 5)
    ),
    presented AS (
        SELECT
            told.* EXCLUDE (shown, denied),
            denied OR kind IN (3, 4) AND operation IN ('use', 'delegate')
                AND (refusals.parent_span_id IS NOT NULL OR unanswered.span_id IS NOT NULL) AS refused
        FROM told
        LEFT JOIN refusals
            ON refusals.parent_span_id = told.span_id
            AND refusals.root_id IS NOT DISTINCT FROM told.root_id
            AND refusals.shown = told.shown
        LEFT JOIN unanswered
            ON unanswered.span_id = told.span_id
            AND unanswered.root_id IS NOT DISTINCT FROM told.root_id
            AND unanswered.shown = told.shown
    ),
    acting AS (
        SELECT
            presented.*,
            coalesce(owner.delegation_id, named_id, derived_id(presented_fingerprint)) AS under_id
        FROM presented
        LEFT JOIN query_table(owner_rows) AS owner
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

CREATE OR REPLACE MACRO delegations_of(hop_rows) AS TABLE
    WITH owning AS MATERIALIZED (FROM token_owners_of(hop_rows))
    FROM delegations_with(hop_rows, 'owning');

CREATE OR REPLACE MACRO owned_of(hop_rows) AS TABLE
    WITH owning AS MATERIALIZED (FROM token_owners_of(hop_rows))
    FROM owned_with(hop_rows, 'owning');

CREATE OR REPLACE VIEW delegations AS FROM delegations_of('hops');
