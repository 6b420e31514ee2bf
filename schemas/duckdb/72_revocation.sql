-- What was dead, and since when: tokens and delegations that were revoked, by themselves, with their
-- task, person, session, agent or chain, or with what they were obtained with. `across_gap`: something
-- between the revoked delegation and this one was never reported.
CREATE OR REPLACE MACRO dead_with(owner_rows, owned_rows, placed_rows) AS TABLE
    WITH holds AS MATERIALIZED (FROM query_table(owner_rows)),
    places AS MATERIALIZED (FROM query_table(placed_rows)),
    revoked AS (
        SELECT
            root_id, span_id, seen_at, presenter AS revoker, revocation_target, revocation_reason, token_fingerprint,
            token_issuer, token_jti, task_id, coalesce(revocation_cascade, true) AS cascades,
            task_granted_at IS NOT NULL
                OR revocation_target = 'task' AND task_id IS NOT NULL AS of_task,
            CASE
                WHEN of_task THEN NULL
                WHEN revocation_target IN ('subject', 'session') THEN root_id
                ELSE delegation_id
            END AS id,
            NOT of_task AND (revocation_target = 'token' OR revocation_target IS NULL)
                AS token_only
        FROM query_table(owned_rows)
        WHERE operation = 'revoke' AND NOT refused
    ),
    dead_tokens AS (
        SELECT
            holds.root_id, holds.token_fingerprint, holds.delegation_id, revoked.seen_at,
            revoked.span_id, revoked.revoker, revoked.revocation_reason, revoked.cascades
        FROM revoked
        JOIN query_table(owned_rows) AS issue
            ON issue.operation IN ('grant', 'delegate', 'renew')
            AND issue.root_id IS NOT DISTINCT FROM revoked.root_id
            AND (issue.token_fingerprint = revoked.token_fingerprint
                OR issue.token_issuer = revoked.token_issuer
                AND issue.token_jti = revoked.token_jti)
        JOIN holds
            ON holds.token_fingerprint = issue.token_fingerprint
            AND holds.root_id IS NOT DISTINCT FROM issue.root_id
        WHERE revoked.token_only
    ),
    -- Whom no chain is named for: what was given to them before is dead, never what came later.
    party AS MATERIALIZED (
        SELECT *, presenter_of(operation, kind, presenter_id, actor_id, service) AS revoker
        FROM hops
        WHERE operation = 'revoke' AND revocation_target IN ('subject', 'session', 'agent')
            AND NOT is_refused(decision_outcome, failed)
    ),
    reached AS (
        SELECT DISTINCT
            given.root_id, coalesce(given.id, derived_id(given.token_fingerprint)) AS id,
            party.seen_at, party.span_id, party.revoker, party.revocation_reason,
            coalesce(party.revocation_cascade, true) AS cascades
        FROM query_table(owned_rows) AS given
        JOIN party
            ON given.seen_at <= party.seen_at
            AND CASE party.revocation_target
                WHEN 'subject' THEN given.operation = 'grant'
                    AND given.subject_id = party.subject_id
                    AND coalesce(given.actor_id = party.actor_id, party.actor_id IS NULL)
                    AND same_issuer(
                        coalesce(given.subject_issuer, given.token_issuer),
                        coalesce(party.subject_issuer, party.token_issuer)
                    )
                WHEN 'session' THEN given.operation = 'grant'
                    AND given.session_id = party.session_id
                    AND same_issuer(
                        coalesce(given.token_issuer, given.subject_issuer),
                        coalesce(party.token_issuer, party.subject_issuer)
                    )
                ELSE given.actor_id = party.actor_id
                    AND coalesce(given.subject_id = party.subject_id, party.subject_id IS NULL)
                    AND (coalesce(party.actor_issuer, party.token_issuer) IS NULL OR same_issuer(
                        coalesce(given.actor_issuer, given.token_issuer),
                        coalesce(party.actor_issuer, party.token_issuer)
                    ))
                END
        WHERE given.operation IN ('grant', 'delegate', 'renew')
            AND NOT is_refused(given.decision_outcome, given.failed)
    ),
    dead_delegations AS (
        SELECT root_id, id, seen_at, span_id, revoker, revocation_reason, cascades FROM revoked
        WHERE NOT token_only AND id IS NOT NULL
        UNION ALL
        SELECT root_id, id, seen_at, span_id, revoker, revocation_reason, cascades FROM reached
        UNION ALL
        SELECT places.root_id, places.id, revoked.seen_at, revoked.span_id, revoker,
            revocation_reason, cascades
        FROM revoked
        JOIN places
            ON places.task_id = revoked.task_id
            AND places.root_id IS NOT DISTINCT FROM revoked.root_id
        WHERE of_task
        UNION ALL
        -- A delegation dies with the last of its tokens, unless that was only replaced.
        SELECT root_id, delegation_id, max(seen_at), arg_max(span_id, (seen_at, span_id)),
            arg_max(revoker, (seen_at, span_id)), arg_max(revocation_reason, (seen_at, span_id)),
            bool_and(cascades)
        FROM dead_tokens
        GROUP BY root_id, delegation_id
        HAVING bool_or(revocation_reason IS DISTINCT FROM 'rotation')
            AND count(DISTINCT token_fingerprint) = (
                SELECT count(*) FROM holds
                WHERE holds.delegation_id = dead_tokens.delegation_id
                    AND holds.root_id IS NOT DISTINCT FROM dead_tokens.root_id
            )
    )
    SELECT root_id, NULL AS id, token_fingerprint, seen_at, span_id, revoker, revocation_reason,
        false AS across_gap
    FROM dead_tokens
    UNION ALL
    SELECT
        places.root_id, places.id, NULL, dead.seen_at, dead.span_id, dead.revoker,
        dead.revocation_reason,
        coalesce(list_position(places.lineage, dead.id) < places.unbroken_from, false)
    FROM dead_delegations AS dead
    JOIN places
        ON places.root_id IS NOT DISTINCT FROM dead.root_id
        AND (places.id = dead.id OR dead.cascades AND list_contains(places.lineage, dead.id));

-- Uses and exchanges of what is meant, or of what hangs below it, after it was dead: one row each. `lag`
-- is how long after the revocation; small ones may be clock skew. A refused use is shown as well: it
-- tells which systems enforce.
CREATE OR REPLACE MACRO uses_after_revocation(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    below AS MATERIALIZED (FROM below_of('placed', 'meant')),
    ends AS (FROM dead_with('held_by', 'owned', 'placed')),
    answer AS (
        SELECT
            below.asked, acting.root_id, under_id AS delegation_id,
            presented_fingerprint AS token_fingerprint,
            acting.operation, presenter, action_name, service, server_address, audiences,
            decision_outcome, refused, acting.seen_at,
            ends.seen_at AS revoked_at,
            to_microseconds((epoch_ns(acting.seen_at) - epoch_ns(ends.seen_at)) // 1000) AS lag,
            ends.revoker AS revoked_by,
            ends.span_id AS revoked_by_span,
            ends.revocation_reason AS reason,
            ends.across_gap,
            acting.trace_id, acting.span_id
        FROM owned AS acting
        JOIN ends
            ON ends.root_id IS NOT DISTINCT FROM acting.root_id
            AND (ends.id = under_id OR ends.token_fingerprint = presented_fingerprint)
            AND acting.seen_at > ends.seen_at
        JOIN below
            ON below.id = under_id AND below.root_id IS NOT DISTINCT FROM acting.root_id
        WHERE acting.operation IN ('use', 'delegate')
        QUALIFY row_number() OVER (
            PARTITION BY below.asked, acting.trace_id, acting.span_id
            ORDER BY ends.seen_at, ends.span_id
        ) = 1
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.seen_at, answer.span_id;

-- The same, a row for each system and revocation: how often it was asked after, what it did, and its
-- lag: `last_allowed_lag` is when it took the dead authority for the last time, `first_refused_lag`
-- when it first refused. NULL: it never did; a system without traffic proves nothing.
CREATE OR REPLACE MACRO revocation_lag(wanted) AS TABLE
    SELECT
        asked, known, coalesce(server_address, service) AS system, revoked_at, revoked_by, reason,
        count(span_id) AS uses,
        count(span_id) FILTER (WHERE NOT refused) AS allowed,
        count(span_id) FILTER (WHERE refused) AS refused,
        min(seen_at) AS first_use, max(seen_at) AS last_use,
        max(lag) FILTER (WHERE NOT refused) AS last_allowed_lag,
        min(lag) FILTER (WHERE refused) AS first_refused_lag
    FROM uses_after_revocation(wanted)
    GROUP BY asked, known, system, revoked_at, revoked_by, reason, revoked_by_span
    ORDER BY asked, system, revoked_at;
