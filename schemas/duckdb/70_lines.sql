-- Questions about lines of delegation. `wanted` is a name or a list of names (see 60_names.sql); of an
-- agent, a task or a human all their delegations are meant.

-- From the delegation up to the root; `distance` 0 is itself. `across_gap`: something between the
-- two was never reported.
CREATE OR REPLACE MACRO ancestors(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    held AS (
        SELECT root_id, delegation_id AS id, list(DISTINCT token_fingerprint ORDER BY token_fingerprint) AS tokens
        FROM held_by GROUP BY ALL
    ),
    above AS (
        SELECT meant.asked, placed.root_id, placed.id AS "from", unnest(lineage) AS id,
            generate_subscripts(lineage, 1) AS position, len(lineage) AS steps, unbroken_from
        FROM placed
        JOIN meant ON meant.id = placed.id AND meant.root_id IS NOT DISTINCT FROM placed.root_id
    ),
    answer AS (
        SELECT above.asked, above."from", steps - position AS distance,
            position < above.unbroken_from AS across_gap, placed.*, coalesce(held.tokens, []) AS tokens
        FROM above
        JOIN placed ON placed.id = above.id AND placed.root_id IS NOT DISTINCT FROM above.root_id
        LEFT JOIN held ON held.id = placed.id AND held.root_id IS NOT DISTINCT FROM placed.root_id
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.root_id, answer."from", answer.distance;

-- Everything that was obtained with the delegation, itself (`distance` 0) first, also below a gap:
-- then `across_gap`, and there may be more in between than `distance` says. Of several that are meant
-- and hang below one another, the nearest counts.
CREATE OR REPLACE MACRO descendants(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    held AS (
        SELECT root_id, delegation_id AS id, list(DISTINCT token_fingerprint ORDER BY token_fingerprint) AS tokens
        FROM held_by GROUP BY ALL
    ),
    below AS (FROM below_of('placed', 'meant')),
    answer AS (
        SELECT below.asked, below."from", below.distance, below.across_gap, placed.*,
            coalesce(held.tokens, []) AS tokens
        FROM below
        JOIN placed ON placed.id = below.id AND placed.root_id IS NOT DISTINCT FROM below.root_id
        LEFT JOIN held ON held.id = placed.id AND held.root_id IS NOT DISTINCT FROM placed.root_id
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.root_id, answer.place;

-- Every way from one thing to another, along the delegations of a chain: down from `wanted` to what was
-- obtained with it, up to whom it came from, or across, by the nearest that both came from. The
-- destination may also be an action. `shortest`: no other way from that name to the goal has fewer steps.
-- `without_human`: no grant of a human and no human's approval is on the way.
CREATE OR REPLACE MACRO paths(wanted, destination) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    sought AS MATERIALIZED (FROM asked_of(destination)),
    accused_there AS MATERIALIZED (FROM accused_of('sought')),
    goals AS (
        SELECT DISTINCT asked AS goal, root_id, id
        FROM meant_of('sought', 'accused_there', 'owned', 'placed')
        UNION
        SELECT asked, root_id, delegation_id
        FROM owned JOIN sought ON action_name = exact
        WHERE operation = 'use'
    ),
    approved AS (
        SELECT DISTINCT root_id, delegation_id AS id FROM owned WHERE operation = 'approve'
            AND coalesce(approver_type, 'user') NOT IN ('ai_agent', 'workload', 'service')
    ),
    ways AS (
        SELECT
            meant.asked, goals.goal, start.root_id, start.id AS "from", target.id AS "to",
            len(list_filter(
                start.lineage, lambda one: list_contains(target.lineage, one))) AS shared,
            start.lineage AS upward, target.lineage AS downward,
            greatest(start.unbroken_from, target.unbroken_from) AS unbroken_from
        FROM meant
        JOIN placed AS start
            ON start.id = meant.id AND start.root_id IS NOT DISTINCT FROM meant.root_id
        JOIN goals ON goals.root_id IS NOT DISTINCT FROM meant.root_id
        JOIN placed AS target
            ON target.id = goals.id AND target.root_id IS NOT DISTINCT FROM goals.root_id
            AND target.lineage[1] = start.lineage[1]
    ),
    walks AS (
        SELECT *, list_reverse(upward[shared:]) || downward[shared + 1:] AS delegations
        FROM ways
    ),
    walked AS (
        SELECT asked, goal, "from", "to", walks.root_id, list(
                coalesce(placed.actor_id, placed.claimed_actor, '?') ORDER BY position
            ) AS path, bool_or(placed.id = placed.root_id) AS by_root,
            bool_or(approved.id IS NOT NULL) AS by_approval
        FROM (
            SELECT *, unnest(delegations) AS one, generate_subscripts(delegations, 1) AS position
            FROM walks
        ) AS walks
        JOIN placed ON placed.id = walks.one AND placed.root_id IS NOT DISTINCT FROM walks.root_id
        LEFT JOIN approved
            ON approved.id = placed.id AND approved.root_id IS NOT DISTINCT FROM placed.root_id
        GROUP BY ALL
    ),
    answer AS (
        SELECT
            asked, goal, root_id, "from", "to", len(delegations) - 1 AS steps,
            CASE WHEN shared = len(upward) THEN 'down' WHEN shared = len(downward) THEN 'up'
                ELSE 'across' END AS direction,
            walked.path, delegations, shared < unbroken_from AS across_gap,
            NOT by_root AND NOT by_approval AS without_human,
            len(delegations) = min(len(delegations)) OVER (PARTITION BY asked, goal) AS shortest
        FROM walks
        JOIN walked USING (asked, goal, "from", "to", root_id)
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.goal, answer.steps, answer.root_id, answer."from", answer."to";

-- Where a scope entered the chain: delegations that have it while the one above does not.
CREATE OR REPLACE MACRO scope_origin(wanted, scope) AS TABLE
    SELECT asked, known, root_id, id, depth, path, actor_id, delegator_id, granted_scopes,
        CASE WHEN known THEN coalesce(list_contains(gained_scopes, scope), false) END AS escalated,
        first_seen, span_ids
    FROM tree(wanted)
    WHERE NOT known
        OR list_contains(granted_scopes, scope)
        AND (depth = 0 OR gained_scopes IS NULL OR list_contains(gained_scopes, scope));

-- What each delegation changed against the one it was obtained with: scopes, audiences, expiry (UTC;
-- `lives_longer` is how far beyond the delegator's), and rich authorization requests (RFC 9396: types,
-- and whether their content differs). NULL: one of the two did not say. One row a delegation of the
-- chain; `changed` names what differs.
CREATE OR REPLACE MACRO what_changed(wanted) AS TABLE
    WITH tree AS MATERIALIZED (FROM tree(wanted)),
    compared AS (
        SELECT
            tree.*, above.actor_id AS given_by, above.expires_at AS delegator_expires_at,
            coalesce(above.granted_scopes, tree.named_parent_scopes) AS had_scopes,
            beyond(tree.granted_scopes, had_scopes) AS scopes_gained,
            beyond(had_scopes, tree.granted_scopes) AS scopes_dropped,
            beyond(tree.audiences, above.audiences) AS audiences_gained,
            beyond(above.audiences, tree.audiences) AS audiences_dropped,
            tree.expires_at - above.expires_at AS expiry_shift,
            beyond(tree.rar_types, above.rar_types) AS rar_gained,
            beyond(above.rar_types, tree.rar_types) AS rar_dropped,
            coalesce(tree.rar_hash != above.rar_hash, tree.rar_details != above.rar_details)
                AS rar_differs
        FROM tree
        LEFT JOIN tree AS above
            ON above.asked = tree.asked AND above.id = tree.parent_id
            AND above.root_id IS NOT DISTINCT FROM tree.root_id
    )
    SELECT
        asked, known, root_id, id, parent_id, depth, path, coalesce(given_by, delegator_id) AS given_by,
        coalesce(actor_id, claimed_actor) AS actor_id,
        list_filter([
            CASE WHEN scopes_gained != [] OR scopes_dropped != [] THEN 'scopes' END,
            CASE WHEN audiences_gained != [] OR audiences_dropped != [] THEN 'audiences' END,
            CASE WHEN expiry_shift != INTERVAL 0 SECOND THEN 'expiry' END,
            CASE WHEN rar_gained != [] OR rar_dropped != [] OR rar_differs THEN 'rar' END
        ], lambda one: one IS NOT NULL) AS changed,
        scopes_gained, scopes_dropped, audiences_gained, audiences_dropped,
        delegator_expires_at, expires_at,
        CASE WHEN expiry_shift > INTERVAL 0 SECOND THEN expiry_shift END AS lives_longer,
        rar_gained, rar_dropped, rar_differs, first_seen, span_ids
    FROM compared
    ORDER BY asked, root_id, place;
