-- Delegations in their place: how deep, under whom, and what of the way to the root is missing.
--
-- `state` is 'seen', 'gap' (spoken of, never reported) or 'unplaced' (in a ring of parents that
-- no root leads to, or below the cap). Every delegation has one parent, so the walk down from the
-- tops meets each of them once, rings never; 64 levels are walked, and `truncated` says where
-- the walk stopped.

CREATE OR REPLACE MACRO placed_of(hop_rows) AS TABLE
    WITH RECURSIVE
    edge AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY root_id ORDER BY first_seen, id) AS rank
        FROM delegations_of(hop_rows)
    ),
    spoken_of AS (
        SELECT root_id, parent_id AS id FROM edge WHERE parent_id IS NOT NULL
        UNION
        SELECT root_id, under_id FROM owned_of(hop_rows)
        WHERE operation IN ('delegate', 'use', 'renew') AND under_id IS NOT NULL
        UNION
        SELECT DISTINCT root_id, root_id FROM query_table(hop_rows) WHERE root_id IS NOT NULL
    ),
    gap AS (
        SELECT spoken_of.root_id, spoken_of.id
        FROM spoken_of
        ANTI JOIN edge
            ON edge.id = spoken_of.id AND edge.root_id IS NOT DISTINCT FROM spoken_of.root_id
    ),
    human AS (SELECT root_id, subject_id FROM edge WHERE id = root_id),
    walk AS (
        SELECT
            top.root_id, top.id, 0 AS steps, top.id = top.root_id AS rooted, top.gap,
            [top.id] AS lineage, [top.rank] AS place,
            [coalesce(human.subject_id, '?')]
                || CASE WHEN top.gap OR top.id = top.root_id THEN [] ELSE ['?'] END
                || [coalesce(top.actor_id, '?')] AS path
        FROM (
            SELECT root_id, id, false AS gap, rank, actor_id FROM edge WHERE parent_id IS NULL
            UNION ALL
            -- A gap that is the root comes first, others after what is seen.
            SELECT root_id, id, true,
                CASE WHEN id = root_id THEN 0 ELSE 1_000_000_000 + row_number() OVER (ORDER BY id) END,
                NULL
            FROM gap
        ) AS top
        LEFT JOIN human ON human.root_id = top.root_id
        UNION ALL
        SELECT
            edge.root_id, edge.id, walk.steps + 1, walk.rooted, false,
            list_append(walk.lineage, edge.id), list_append(walk.place, edge.rank),
            list_append(walk.path, coalesce(edge.actor_id, '?'))
        FROM walk
        JOIN edge
            ON edge.parent_id = walk.id AND edge.root_id IS NOT DISTINCT FROM walk.root_id
        WHERE walk.steps < 64
    ),
    placed AS (
        SELECT
            root_id, id, CASE WHEN rooted THEN steps END AS depth, path, lineage, place,
            CASE WHEN gap THEN 'gap' ELSE 'seen' END AS state,
            steps = 64 AS truncated
        FROM walk
        UNION ALL
        SELECT
            root_id, id, NULL, ['?', coalesce(actor_id, '?')], [id], [2_000_000_000, rank],
            'unplaced', true
        FROM edge
        ANTI JOIN walk
            ON walk.id = edge.id AND walk.root_id IS NOT DISTINCT FROM edge.root_id
    )
    SELECT
        placed.*,
        edge.* EXCLUDE (root_id, id, rank),
        beyond(edge.granted_scopes, coalesce(parent.granted_scopes, edge.named_parent_scopes))
            AS gained_scopes
    FROM placed
    LEFT JOIN edge
        ON edge.id = placed.id AND edge.root_id IS NOT DISTINCT FROM placed.root_id
    LEFT JOIN edge AS parent
        ON parent.id = edge.parent_id AND parent.root_id IS NOT DISTINCT FROM placed.root_id;
