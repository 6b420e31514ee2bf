-- What authority reaches: `wanted` is a name or a list of names (see 60_names.sql). Times are UTC.

CREATE OR REPLACE MACRO utc_now() AS make_timestamp(epoch_us(now()));

-- What was done under each delegation; what was refused does not count.
CREATE OR REPLACE MACRO done_of(owned_rows) AS TABLE
    SELECT
        root_id, under_id AS id, names(server_address) AS systems, names(action_name) AS actions,
        names(CASE WHEN action_risk IN ('high', 'critical') THEN action_name END) AS grave_actions,
        list_sort(list_distinct(flatten(list(coalesce(required_scopes, []))))) AS scopes,
        list_sort(list_distinct(flatten(list(coalesce(audiences, []))))) AS audiences,
        names(task_id) AS tasks, count(*) AS uses, max(seen_at) AS last_use
    FROM query_table(owned_rows)
    WHERE operation = 'use' AND NOT refused
    GROUP BY ALL;

-- When each delegation was dead first, by whatever revocation.
CREATE OR REPLACE MACRO died_of(owner_rows, owned_rows, placed_rows) AS TABLE
    SELECT root_id, id, min(seen_at) AS revoked_at
    FROM dead_with(owner_rows, owned_rows, placed_rows)
    WHERE id IS NOT NULL
    GROUP BY ALL;

-- What a delegation and everything below it may do (`allowed...`; NULL: not known, as of a gap), was
-- seen doing (`observed...`: scopes are those that a system said the action needs), and may do without
-- having been seen at it (`unobserved...`; names are compared as they are written).
CREATE OR REPLACE MACRO reach(wanted) AS TABLE
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
    seen AS (FROM done_of('owned')),
    answer AS (
        SELECT
            below.asked, below.distance, below.across_gap, placed.state, below.root_id, below.id,
            coalesce(placed.actor_id, placed.claimed_actor) AS actor_id,
            granted_scopes AS allowed_scopes, placed.audiences AS allowed_audiences, expires_at,
            coalesce(seen.systems, []) AS observed_systems,
            coalesce(seen.actions, []) AS observed_actions, coalesce(seen.uses, 0) AS uses,
            coalesce(seen.scopes, []) AS observed_scopes,
            beyond(granted_scopes, observed_scopes) AS unobserved_scopes,
            beyond(placed.audiences, coalesce(seen.audiences, [])) AS unobserved_audiences, placed.place
        FROM below
        JOIN placed ON placed.id = below.id AND placed.root_id IS NOT DISTINCT FROM below.root_id
        LEFT JOIN seen ON seen.id = below.id AND seen.root_id IS NOT DISTINCT FROM below.root_id
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked, place)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.root_id, answer.place;

-- What falls with what is named, if it is compromised at a time: its delegations that live then (not
-- expired, not revoked), and all below them, in every chain that they were used in; `own` are itself.
-- `grave_actions`: of high or critical risk, as their systems said. Without a time: now.
CREATE OR REPLACE MACRO blast_radius(wanted, since := NULL) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led_first AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    -- A delegation may be used in other chains than its own.
    theirs AS MATERIALIZED (
        SELECT DISTINCT asked, rank, given.id
        FROM (
            SELECT coalesce(id, derived_id(token_fingerprint)) AS id, unnest([
                id, span_id, trace_id, token_fingerprint, token_jti, task_id, session_id, actor_id,
                actor_client_id, agent_name, CASE WHEN operation = 'grant' THEN subject_id END
            ]) AS name
            FROM hops
            WHERE span_key IN (SELECT span_key FROM named) AND operation IN ('grant', 'delegate')
        ) AS given
        JOIN asked ON given.name = exact OR ends_with(given.name, tail)
        WHERE given.id IS NOT NULL
    ),
    led AS MATERIALIZED (
        FROM led_first
        UNION
        SELECT theirs.rank, theirs.asked, hops.root_id, NULL
        FROM hops JOIN theirs ON theirs.id = hops.id WHERE hops.root_id IS NOT NULL
        UNION
        SELECT theirs.rank, theirs.asked, hops.root_id, NULL
        FROM hops JOIN theirs ON theirs.id = hops.parent_id WHERE hops.root_id IS NOT NULL
    ),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    moment AS MATERIALIZED (SELECT coalesce(since::TIMESTAMP, utc_now()) AS time),
    live AS MATERIALIZED (
        SELECT placed.* FROM placed
        LEFT JOIN died_of('held_by', 'owned', 'placed') AS died
            ON died.id = placed.id AND died.root_id IS NOT DISTINCT FROM placed.root_id
        WHERE coalesce(expires_at > (SELECT time FROM moment), true)
            AND coalesce(revoked_at > (SELECT time FROM moment), true)
    ),
    meant AS MATERIALIZED (
        FROM (
            FROM meant_of('asked', 'accused', 'owned', 'placed')
            UNION
            SELECT asked, placed.root_id, id FROM placed JOIN theirs USING (id)
        )
        SEMI JOIN live USING (id)
    ),
    below AS MATERIALIZED (FROM below_of('placed', 'meant')),
    answer AS (
        SELECT
            below.asked, below.root_id, live.lineage[1] = live.id AND live.root_id = live.id AS is_root,
            below.id, below.distance, below.distance = 0 AS own, below.across_gap, live.depth,
            coalesce(live.actor_id, live.claimed_actor) AS actor_id, live.path,
            live.granted_scopes, live.audiences, live.token_fingerprint, live.expires_at, live.state,
            coalesce(done.systems, []) AS systems, coalesce(done.actions, []) AS actions,
            coalesce(done.grave_actions, []) AS grave_actions, coalesce(done.uses, 0) AS uses,
            done.last_use, live.place
        FROM below
        JOIN live ON live.id = below.id AND live.root_id IS NOT DISTINCT FROM below.root_id
        LEFT JOIN done_of('owned') AS done
            ON done.id = below.id AND done.root_id IS NOT DISTINCT FROM below.root_id
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked, place)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.root_id, answer.place;

-- What would stop if it were revoked at a time, with all below it (`revoked` = 'it'), and if the whole
-- of its chains were ('its roots'). What is expired or dead by then does not count. `tasks`: under way,
-- since they were worked on and nobody reported their end. Without a time: now.
CREATE OR REPLACE MACRO what_if_revoked(wanted, since := NULL) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    moment AS MATERIALIZED (SELECT coalesce(since::TIMESTAMP, utc_now()) AS time),
    hit AS (
        SELECT DISTINCT 'it' AS revoked, asked, root_id, id FROM below_of('placed', 'meant')
        UNION ALL
        SELECT DISTINCT 'its roots', asked, placed.root_id, placed.id
        FROM placed JOIN led ON led.root_id = placed.root_id
    ),
    live AS MATERIALIZED (
        SELECT placed.* FROM placed
        LEFT JOIN died_of('held_by', 'owned', 'placed') AS died
            ON died.id = placed.id AND died.root_id IS NOT DISTINCT FROM placed.root_id
        WHERE coalesce(expires_at > (SELECT time FROM moment), true)
            AND coalesce(revoked_at > (SELECT time FROM moment), true)
    ),
    finished AS (
        SELECT DISTINCT task_id FROM owned
        WHERE operation = 'end' AND task_id IS NOT NULL AND seen_at <= (SELECT time FROM moment)
    ),
    under_way AS (
        SELECT root_id, id, names(task) AS tasks
        FROM (
            SELECT root_id, id, unnest(tasks) AS task FROM done_of('owned')
            UNION
            SELECT root_id, id, task_id FROM live
        ) AS worked
        ANTI JOIN finished ON finished.task_id = worked.task
        GROUP BY root_id, id
    ),
    tokens AS (
        SELECT root_id, delegation_id AS id, list(DISTINCT token_fingerprint) AS tokens
        FROM held_by GROUP BY ALL
    ),
    answer AS (
        SELECT
            hit.asked, revoked, count(DISTINCT live.root_id) AS chains, count(live.id) AS delegations,
            len(list_distinct(flatten(list(coalesce(tokens.tokens, []))))) AS tokens,
            names(coalesce(live.actor_id, live.claimed_actor)) AS agents,
            list_sort(list_distinct(flatten(list(coalesce(done.systems, []))))) AS systems,
            list_sort(list_distinct(flatten(list(coalesce(under_way.tasks, []))))) AS tasks,
            coalesce(sum(done.uses), 0)::BIGINT AS uses, max(done.last_use) AS last_use
        FROM hit
        LEFT JOIN live ON live.id = hit.id AND live.root_id IS NOT DISTINCT FROM hit.root_id
        LEFT JOIN tokens ON tokens.id = live.id AND tokens.root_id IS NOT DISTINCT FROM live.root_id
        LEFT JOIN done_of('owned') AS done
            ON done.id = live.id AND done.root_id IS NOT DISTINCT FROM live.root_id
        LEFT JOIN under_way
            ON under_way.id = live.id AND under_way.root_id IS NOT DISTINCT FROM live.root_id
        GROUP BY hit.asked, revoked
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.revoked;

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
