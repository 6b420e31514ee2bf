-- Questions about everything there is.

-- How each system decides, by the scope that it said an action needs: with a token that holds it and
-- with one that does not (`lacking`; names are compared as they are written, and only where the token's
-- issue was seen). `inconsistent`: systems, or one of them at times, decide otherwise on equal grounds.
CREATE OR REPLACE VIEW enforcement_matrix AS
    WITH held AS (
        SELECT token_fingerprint, strongest(evidence, granted_scopes) AS scopes
        FROM hops
        WHERE operation IN ('grant', 'delegate', 'renew') AND token_fingerprint IS NOT NULL
            AND NOT is_refused(decision_outcome, failed)
        GROUP BY token_fingerprint
    ),
    decided AS (
        SELECT
            unnest(required_scopes) AS scope, coalesce(server_address, service) AS system,
            is_refused(decision_outcome, failed) AS refused, held.scopes, seen_at
        FROM hops
        LEFT JOIN held USING (token_fingerprint)
        WHERE operation = 'use' AND kind IN (2, 5)
    ),
    counted AS (
        SELECT
            scope, system,
            count(*) FILTER (WHERE NOT refused) AS allowed,
            count(*) FILTER (WHERE refused) AS refused,
            count(*) FILTER (WHERE NOT refused AND NOT list_contains(scopes, scope)) AS allowed_lacking,
            count(*) FILTER (WHERE refused AND NOT list_contains(scopes, scope)) AS refused_lacking,
            count(*) FILTER (WHERE NOT refused AND list_contains(scopes, scope)) AS allowed_holding,
            count(*) FILTER (WHERE refused AND list_contains(scopes, scope)) AS refused_holding,
            min(seen_at) AS first_seen, max(seen_at) AS last_seen
        FROM decided
        GROUP BY scope, system
    )
    SELECT
        *,
        sum(allowed_lacking) OVER same > 0 AND sum(refused_lacking) OVER same > 0
            OR sum(allowed_holding) OVER same > 0 AND sum(refused_holding) OVER same > 0
            AS inconsistent
    FROM counted
    WINDOW same AS (PARTITION BY scope)
    ORDER BY inconsistent DESC, scope, system;

-- What is seen of each agent, system and issuer, and what is not: `unrooted` hops name no chain that
-- could be found; `under_gap` were done with a delegation that nobody reported; `weak` rest on what the
-- emitter says of itself; the four verdicts add up to `presented`, its uses and exchanges. `delay_p50`, `delay_p99`: from the span's start until the broker had it.
CREATE OR REPLACE VIEW coverage AS
    WITH known AS (
        SELECT DISTINCT root_id, id FROM delegations
    ),
    told AS (
        SELECT
            owned.*, known.id IS NULL AND owned.under_id IS NOT NULL AND operation IN ('use', 'delegate')
                AS under_gap
        FROM owned_of('hops') AS owned
        LEFT JOIN known
            ON known.id = owned.under_id AND known.root_id IS NOT DISTINCT FROM owned.root_id
    ),
    sides AS (
        SELECT 'agent' AS of, coalesce(presenter, actor_id) AS name, * FROM told
        WHERE operation IN ('grant', 'delegate', 'renew', 'use')
        UNION ALL
        SELECT 'system', coalesce(server_address, service), * FROM told WHERE operation = 'use'
        UNION ALL
        SELECT 'issuer', token_issuer, * FROM told
        WHERE operation IN ('grant', 'delegate', 'renew', 'revoke')
    ),
    verdict AS MATERIALIZED (FROM verdicts),
    counted AS (
        SELECT
            of, name, count(*) AS presented,
            count(*) FILTER (WHERE verdict = 'authorised') AS authorised,
            count(*) FILTER (WHERE verdict = 'refused') AS refused,
            count(*) FILTER (WHERE verdict = 'not authorised') AS not_authorised,
            count(*) FILTER (WHERE verdict = 'unproven') AS unproven
        FROM (
            SELECT 'agent' AS of, presenter AS name, verdict FROM verdict
            UNION ALL
            SELECT 'system', system, verdict FROM verdict
            UNION ALL
            SELECT 'issuer', issuer, verdict FROM verdict
        )
        GROUP BY of, name
    ),
    seen AS (
    SELECT
        of, name, count(*) AS hops, count(*) FILTER (WHERE operation = 'use') AS uses,
        count(*) FILTER (WHERE root_id IS NULL) AS unrooted,
        count(*) FILTER (WHERE under_gap) AS under_gap,
        count(*) FILTER (WHERE evidence_rank(evidence) <= 2) AS weak,
        names(evidence) AS evidence, min(seen_at) AS first_seen, max(seen_at) AS last_seen,
        to_milliseconds(quantile_cont(epoch_ms(received_at) - epoch_ms(seen_at), 0.5)::BIGINT) AS delay_p50,
        to_milliseconds(quantile_cont(epoch_ms(received_at) - epoch_ms(seen_at), 0.99)::BIGINT) AS delay_p99
    FROM sides
    WHERE name IS NOT NULL
    GROUP BY of, name
    )
    SELECT
        seen.*, coalesce(presented, 0) AS presented, coalesce(authorised, 0) AS authorised,
        coalesce(refused, 0) AS refused, coalesce(not_authorised, 0) AS not_authorised,
        coalesce(unproven, 0) AS unproven
    FROM seen LEFT JOIN counted USING (of, name)
    ORDER BY of, hops DESC, name;
