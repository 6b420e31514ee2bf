-- Delegations in their place: how deep, under whom, and what of the way to the root is missing.
--
-- `state` is 'seen', 'gap' (spoken of, never reported) or 'unplaced' (in a ring of parents that
-- no root leads to, or below the cap). Everything that names a root hangs below it, and
-- `hung_by` tells what hung it there where no report of its own did: for a gap, the 'parent' that
-- its users name, else the 'actors' that tokens from it name (the last one seen of them); else the
-- 'root' alone, which is also all that is known of a delegation that does not say what it was
-- obtained with. `unbroken_from` is the place in `lineage` from which on every step down was
-- reported: 1 means all of them, and only then `depth` is known.
--
-- Every delegation has one parent, so the walk down from the tops meets each of them once, rings
-- never; 64 levels are walked, and `truncated` says where the walk stopped.

CREATE OR REPLACE MACRO placed_with(hop_rows, owner_rows, owned_rows) AS TABLE
    WITH RECURSIVE
    edge AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY root_id ORDER BY first_seen, id) AS rank
        FROM delegations_with(hop_rows, owner_rows)
    ),
    -- What each hop says of the delegation it was done with. The child's list of actors is that
    -- of the delegation itself and one more.
    said AS MATERIALIZED (
        SELECT
            root_id, under_id AS id, evidence,
            CASE WHEN operation = 'delegate' THEN delegator_id ELSE actor_id END AS actor_id,
            CASE WHEN operation != 'delegate' THEN nullif(parent_id, under_id) END AS parent_id,
            CASE WHEN NOT coalesce(chain_truncated, false) THEN
                CASE WHEN operation = 'delegate' THEN chain_actors[:-2] ELSE chain_actors END
            END AS actors
        FROM query_table(owned_rows)
        WHERE operation IN ('delegate', 'use', 'renew') AND under_id IS NOT NULL
    ),
    claim AS MATERIALIZED (
        SELECT
            said.root_id, said.id, strongest(evidence, said.actor_id) AS actor_id,
            strongest(evidence, said.parent_id) AS parent_id, strongest(evidence, actors) AS actors
        FROM said
        ANTI JOIN edge ON edge.id = said.id AND edge.root_id IS NOT DISTINCT FROM said.root_id
        GROUP BY said.root_id, said.id
    ),
    gap AS MATERIALIZED (
        FROM (
            SELECT root_id, id FROM claim
            UNION
            SELECT root_id, parent_id FROM claim WHERE parent_id IS NOT NULL
            UNION
            SELECT root_id, parent_id FROM edge WHERE parent_id IS NOT NULL
            UNION
            SELECT DISTINCT root_id, root_id FROM query_table(hop_rows) WHERE root_id IS NOT NULL
        ) AS spoken_of
        ANTI JOIN edge
            ON edge.id = spoken_of.id AND edge.root_id IS NOT DISTINCT FROM spoken_of.root_id
    ),
    -- Whose tokens name exactly these actors; where two delegations' do, nobody's.
    acting AS (
        SELECT root_id, actors, min(id) AS id
        FROM (
            SELECT hop.root_id, edge.id, strongest(hop.evidence, hop.chain_actors) AS actors
            FROM query_table(owned_rows) AS hop
            JOIN edge
                ON edge.id = hop.delegation_id AND edge.root_id IS NOT DISTINCT FROM hop.root_id
            WHERE hop.operation IN ('grant', 'delegate', 'use') AND NOT hop.refused
            GROUP BY hop.root_id, edge.id
        )
        WHERE EXISTS (FROM claim)
        GROUP BY root_id, actors
        HAVING count(*) = 1
    ),
    above AS (
        SELECT named.root_id, named.id, arg_max(acting.id, len(acting.actors)) AS parent_id
        FROM (
            SELECT root_id, id, actors[:unnest(range(1, len(actors)))] AS actors FROM claim
        ) AS named
        JOIN acting
            ON acting.actors = named.actors AND acting.root_id IS NOT DISTINCT FROM named.root_id
        GROUP BY named.root_id, named.id
    ),
    -- What hangs where, and `hung_by` what, if not by its own report.
    node AS MATERIALIZED (
        SELECT
            root_id, id, actor_id, rank, false AS gap, NULL::VARCHAR AS claimed_actor,
            CASE WHEN id IS DISTINCT FROM root_id THEN coalesce(parent_id, root_id) END AS parent_id,
            CASE WHEN id IS DISTINCT FROM root_id AND parent_id IS NULL THEN 'root' END AS hung_by
        FROM edge
        UNION ALL
        -- A gap that is the root comes first, others after what is seen.
        SELECT
            gap.root_id, gap.id, NULL,
            CASE WHEN gap.id = gap.root_id THEN 0
                ELSE 1_000_000_000 + row_number() OVER (ORDER BY gap.id) END,
            true, claim.actor_id,
            CASE WHEN gap.id IS DISTINCT FROM gap.root_id
                THEN coalesce(claim.parent_id, above.parent_id, gap.root_id) END,
            CASE
                WHEN gap.id = gap.root_id THEN NULL
                WHEN claim.parent_id IS NOT NULL THEN 'parent'
                WHEN above.parent_id IS NOT NULL THEN 'actors'
                ELSE 'root'
            END
        FROM gap
        LEFT JOIN claim ON claim.id = gap.id AND claim.root_id IS NOT DISTINCT FROM gap.root_id
        LEFT JOIN above ON above.id = gap.id AND above.root_id IS NOT DISTINCT FROM gap.root_id
    ),
    human AS (SELECT root_id, subject_id FROM edge WHERE id = root_id),
    walk AS (
        SELECT
            top.root_id, top.id, 0 AS steps, top.gap, 1 AS unbroken_from, [top.id] AS lineage,
            [top.rank] AS place,
            [coalesce(human.subject_id, '?')]
                || CASE WHEN top.hung_by IS NULL OR top.gap THEN [] ELSE ['?'] END
                || [coalesce(top.actor_id, '?')] AS path
        FROM node AS top
        LEFT JOIN human ON human.root_id = top.root_id
        WHERE top.parent_id IS NULL
        UNION ALL
        SELECT
            node.root_id, node.id, walk.steps + 1, node.gap,
            CASE WHEN node.hung_by IS NULL THEN walk.unbroken_from ELSE walk.steps + 2 END,
            list_append(walk.lineage, node.id), list_append(walk.place, node.rank),
            walk.path
                || CASE WHEN node.hung_by IS NULL OR node.gap THEN [] ELSE ['?'] END
                || [coalesce(node.actor_id, '?')]
        FROM walk
        JOIN node
            ON node.parent_id = walk.id AND node.root_id IS NOT DISTINCT FROM walk.root_id
        WHERE walk.steps < 64
    ),
    placed AS (
        SELECT
            root_id, id,
            CASE WHEN root_id IS NOT NULL AND unbroken_from = 1 THEN steps END AS depth,
            path, lineage, unbroken_from, place,
            CASE WHEN gap THEN 'gap' ELSE 'seen' END AS state,
            steps = 64 AS truncated
        FROM walk
        UNION ALL
        SELECT
            node.root_id, node.id, NULL,
            [coalesce(human.subject_id, '?'), '?', coalesce(node.actor_id, '?')],
            CASE WHEN node.root_id IS NULL THEN [node.id] ELSE [node.root_id, node.id] END,
            CASE WHEN node.root_id IS NULL THEN 1 ELSE 2 END,
            [2_000_000_000, rank], 'unplaced', true
        FROM node
        ANTI JOIN walk
            ON walk.id = node.id AND walk.root_id IS NOT DISTINCT FROM node.root_id
        LEFT JOIN human ON human.root_id = node.root_id
    )
    SELECT
        placed.*,
        node.hung_by,
        node.claimed_actor,
        edge.* EXCLUDE (root_id, id, parent_id, rank),
        node.parent_id,
        beyond(edge.granted_scopes, coalesce(parent.granted_scopes, edge.named_parent_scopes))
            AS gained_scopes
    FROM placed
    JOIN node
        ON node.id = placed.id AND node.root_id IS NOT DISTINCT FROM placed.root_id
    LEFT JOIN edge
        ON edge.id = placed.id AND edge.root_id IS NOT DISTINCT FROM placed.root_id
    LEFT JOIN edge AS parent
        ON parent.id = edge.parent_id AND parent.root_id IS NOT DISTINCT FROM placed.root_id;

CREATE OR REPLACE MACRO placed_of(hop_rows) AS TABLE
    WITH owning AS MATERIALIZED (FROM token_owners_of(hop_rows)),
    owned_hops AS MATERIALIZED (FROM owned_with(hop_rows, 'owning'))
    FROM placed_with(hop_rows, 'owning', 'owned_hops');
