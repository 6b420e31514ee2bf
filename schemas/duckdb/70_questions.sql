-- Further questions about one chain. `wanted` as in chain(); where a delegation is meant, its id
-- or the fingerprint of one of its tokens.

-- Whether a delegation is what `wanted` itself names, not only of its chain.
CREATE OR REPLACE MACRO goes_by(id, tokens, wanted) AS
    id = wanted OR list_has_any(tokens, [wanted, 'sha256:' || wanted]);

-- From the delegation up to the root; `distance` 0 is itself. `across_gap`: something between the
-- two was never reported.
CREATE OR REPLACE MACRO ancestors(wanted) AS TABLE
    WITH tree AS MATERIALIZED (FROM tree(wanted)),
    above AS (
        SELECT root_id, unnest(lineage) AS id, generate_subscripts(lineage, 1) AS position,
            len(lineage) AS steps, unbroken_from
        FROM tree
        WHERE goes_by(id, tokens, wanted)
    )
    SELECT steps - position AS distance, position < above.unbroken_from AS across_gap, tree.*
    FROM tree
    JOIN above ON above.id = tree.id AND above.root_id IS NOT DISTINCT FROM tree.root_id
    ORDER BY tree.root_id, distance;

-- Everything that was obtained with the delegation, itself (`distance` 0) first, also below a gap:
-- then `across_gap`, and there may be more in between than `distance` says.
CREATE OR REPLACE MACRO descendants(wanted) AS TABLE
    WITH tree AS MATERIALIZED (FROM tree(wanted))
    SELECT
        len(tree.lineage) - len(named.lineage) AS distance,
        list_position(tree.lineage, named.id) < tree.unbroken_from AS across_gap,
        tree.*
    FROM tree
    JOIN (FROM tree WHERE goes_by(id, tokens, wanted)) AS named
        ON list_contains(tree.lineage, named.id)
        AND named.root_id IS NOT DISTINCT FROM tree.root_id
    ORDER BY tree.root_id, tree.place;

-- Uses of what was dead: of a revoked token, delegation, task, person, session, agent or chain, or
-- below one. `lag` is how
-- long after the revocation; small ones may be clock skew. A refused use is shown as well: it
-- tells which systems enforce. `across_gap`: something between the revoked delegation and this use
-- was never reported.
CREATE OR REPLACE MACRO uses_after_revocation(wanted) AS TABLE
    WITH mine AS MATERIALIZED (FROM hops_of(wanted)),
    owned AS MATERIALIZED (FROM owned_of('mine')),
    placed AS MATERIALIZED (FROM placed_of('mine')),
    held AS (FROM token_owners_of('mine')),
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
        FROM owned
        WHERE operation = 'revoke' AND NOT refused
    ),
    dead_tokens AS (
        SELECT
            held.root_id, held.token_fingerprint, held.delegation_id, revoked.seen_at,
            revoked.span_id, revoked.revoker, revoked.revocation_reason, revoked.cascades
        FROM revoked
        JOIN mine AS issue
            ON issue.operation IN ('grant', 'delegate', 'renew')
            AND issue.root_id IS NOT DISTINCT FROM revoked.root_id
            AND (issue.token_fingerprint = revoked.token_fingerprint
                OR issue.token_issuer = revoked.token_issuer
                AND issue.token_jti = revoked.token_jti)
        JOIN held
            ON held.token_fingerprint = issue.token_fingerprint
            AND held.root_id IS NOT DISTINCT FROM issue.root_id
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
        FROM mine AS given
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
        SELECT placed.root_id, placed.id, revoked.seen_at, revoked.span_id, revoker,
            revocation_reason, cascades
        FROM revoked
        JOIN placed
            ON placed.task_id = revoked.task_id
            AND placed.root_id IS NOT DISTINCT FROM revoked.root_id
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
                SELECT count(*) FROM held
                WHERE held.delegation_id = dead_tokens.delegation_id
                    AND held.root_id IS NOT DISTINCT FROM dead_tokens.root_id
            )
    ),
    ends AS (
        SELECT root_id, NULL AS id, token_fingerprint, seen_at, span_id, revoker, revocation_reason,
            false AS across_gap
        FROM dead_tokens
        UNION ALL
        SELECT
            placed.root_id, placed.id, NULL, dead.seen_at, dead.span_id, dead.revoker,
            dead.revocation_reason,
            coalesce(list_position(placed.lineage, dead.id) < placed.unbroken_from, false)
        FROM dead_delegations AS dead
        JOIN placed
            ON placed.root_id IS NOT DISTINCT FROM dead.root_id
            AND (placed.id = dead.id OR dead.cascades AND list_contains(placed.lineage, dead.id))
    ),
    acting AS (
        FROM owned WHERE operation IN ('use', 'delegate')
    )
    SELECT
        acting.root_id, under_id AS delegation_id, presented_fingerprint AS token_fingerprint,
        acting.operation, presenter, action_name, service, server_address, audiences,
        decision_outcome, refused, acting.seen_at,
        ends.seen_at AS revoked_at,
        to_microseconds((epoch_ns(acting.seen_at) - epoch_ns(ends.seen_at)) // 1000) AS lag,
        ends.revoker AS revoked_by,
        ends.span_id AS revoked_by_span,
        ends.revocation_reason AS reason,
        ends.across_gap,
        acting.trace_id, acting.span_id
    FROM acting
    JOIN ends
        ON ends.root_id IS NOT DISTINCT FROM acting.root_id
        AND (ends.id = under_id OR ends.token_fingerprint = presented_fingerprint)
        AND acting.seen_at > ends.seen_at
    QUALIFY row_number() OVER (
        PARTITION BY acting.trace_id, acting.span_id ORDER BY ends.seen_at, ends.span_id
    ) = 1
    ORDER BY acting.seen_at, acting.span_id;

-- Where a scope entered the chain: delegations that have it while the one above does not.
CREATE OR REPLACE MACRO scope_origin(wanted, scope) AS TABLE
    SELECT root_id, id, depth, path, actor_id, delegator_id, granted_scopes,
        coalesce(list_contains(gained_scopes, scope), false) AS escalated, first_seen, span_ids
    FROM tree(wanted)
    WHERE list_contains(granted_scopes, scope)
        AND (depth = 0 OR gained_scopes IS NULL OR list_contains(gained_scopes, scope))
    ORDER BY root_id, place;

-- What a delegation and everything below it may do (`allowed`; NULL: not known, as of a gap) and
-- was seen doing (`observed`).
CREATE OR REPLACE MACRO reach(wanted) AS TABLE
    WITH below AS MATERIALIZED (FROM descendants(wanted)),
    mine AS MATERIALIZED (FROM hops_of(wanted)),
    seen AS (
        SELECT root_id, delegation_id, names(server_address) AS systems, names(action_name) AS actions,
            count(*) AS uses
        FROM owned_of('mine')
        WHERE operation = 'use' AND NOT refused
        GROUP BY ALL
    )
    SELECT
        below.distance, below.across_gap, below.state, below.root_id, below.id,
        coalesce(below.actor_id, below.claimed_actor) AS actor_id, granted_scopes AS allowed_scopes,
        audiences AS allowed_audiences, expires_at, coalesce(systems, []) AS observed_systems,
        coalesce(actions, []) AS observed_actions, coalesce(uses, 0) AS uses
    FROM below
    LEFT JOIN seen
        ON seen.delegation_id = below.id AND seen.root_id IS NOT DISTINCT FROM below.root_id
    ORDER BY below.root_id, below.place;

-- What falls if this actor is compromised at that time: its delegations that are not expired (a gap
-- is its where others say so), and all below them, in every chain that they were used in.
CREATE OR REPLACE MACRO blast(actor, since) AS TABLE
    WITH theirs AS (
        SELECT DISTINCT coalesce(id, derived_id(token_fingerprint)) AS id FROM hops
        WHERE actor_id = actor AND operation IN ('grant', 'delegate')
    ),
    naming AS MATERIALIZED (
        FROM hops
        WHERE actor_id = actor OR delegator_id = actor
            OR id IN (FROM theirs) OR parent_id IN (FROM theirs)
    ),
    mine AS MATERIALIZED (
        FROM hops WHERE root_id IN (SELECT root_id FROM naming)
        UNION ALL
        FROM naming WHERE root_id IS NULL
    ),
    placed AS MATERIALIZED (FROM placed_of('mine')),
    held AS (
        SELECT root_id, id FROM placed
        WHERE id IN (
            SELECT id FROM placed
            WHERE coalesce(actor_id, claimed_actor) = actor
                AND (expires_at IS NULL OR expires_at > since::TIMESTAMP)
        )
    )
    SELECT DISTINCT ON (placed.root_id, placed.id)
        placed.root_id, placed.id, placed.depth,
        coalesce(placed.actor_id, placed.claimed_actor) AS actor_id, placed.path,
        placed.granted_scopes, placed.audiences, placed.token_fingerprint, placed.expires_at,
        placed.state,
        list_position(placed.lineage, held.id) < placed.unbroken_from AS across_gap,
        placed.id = held.id AS own
    FROM placed
    JOIN held
        ON held.root_id IS NOT DISTINCT FROM placed.root_id
        AND list_contains(placed.lineage, held.id)
    WHERE placed.expires_at IS NULL OR placed.expires_at > since::TIMESTAMP
    ORDER BY placed.root_id, placed.id, own DESC, across_gap;
