-- Questions about one chain. `wanted` is a root, delegation, token fingerprint, span or trace id,
-- or a finding id or the beginning of one (at least 8 characters).

CREATE OR REPLACE MACRO roots_of(wanted) AS TABLE
    SELECT DISTINCT root_id
    FROM hops
    WHERE root_id IS NOT NULL AND (
        root_id = wanted OR id = wanted OR parent_id = wanted OR token_fingerprint = wanted
        OR token_parent_fingerprint = wanted OR span_id = wanted OR trace_id = wanted
        OR token_fingerprint = 'sha256:' || wanted
    )
    UNION
    SELECT root_id
    FROM findings
    WHERE root_id IS NOT NULL AND length(wanted) >= 8 AND starts_with(id, wanted);

-- The hops of the chains that `wanted` leads to; of those without a root, what names it.
CREATE OR REPLACE MACRO hops_of(wanted) AS TABLE
    FROM hops WHERE root_id IN (SELECT root_id FROM roots_of(wanted))
    UNION ALL
    FROM hops
    WHERE root_id IS NULL AND (
        id = wanted OR parent_id = wanted OR token_fingerprint = wanted
        OR token_parent_fingerprint = wanted OR span_id = wanted OR trace_id = wanted
        OR span_id IN (
            SELECT unnest(span_ids) FROM findings
            WHERE root_id IS NULL AND length(wanted) >= 8 AND starts_with(id, wanted)
        )
    );

-- The delegations of the chain, from the human down, gaps among them; `tokens` are its own.
CREATE OR REPLACE MACRO tree(wanted) AS TABLE
    WITH mine AS MATERIALIZED (FROM hops_of(wanted)),
    held AS (
        SELECT root_id, delegation_id AS id, list(token_fingerprint ORDER BY token_fingerprint)
            AS tokens
        FROM token_owners_of('mine')
        GROUP BY ALL
    )
    SELECT placed.*, coalesce(held.tokens, []) AS tokens
    FROM placed_of('mine') AS placed
    LEFT JOIN held ON held.id = placed.id AND held.root_id IS NOT DISTINCT FROM placed.root_id
    ORDER BY placed.root_id, placed.place;

-- The whole chain, hop by hop from the human to the actions, gaps as rows without an operation.
CREATE OR REPLACE MACRO chain(wanted) AS TABLE
    WITH mine AS MATERIALIZED (FROM hops_of(wanted)),
    placed AS MATERIALIZED (FROM placed_of('mine')),
    judged AS (
        SELECT span_id, list(DISTINCT reference ORDER BY reference) AS violations,
            list(DISTINCT id ORDER BY id) AS finding_ids
        FROM (
            SELECT unnest(span_ids) AS span_id, reference, id FROM findings
            WHERE status = 'open' AND (root_id IS NULL OR root_id IN (SELECT root_id FROM mine))
        )
        GROUP BY span_id
    )
    SELECT
        coalesce(hop.root_id, placed.root_id) AS root_id,
        placed.depth,
        coalesce(placed.path, ['?']) AS path,
        hop.operation,
        coalesce(hop.delegation_id, placed.id) AS delegation_id,
        placed.parent_id,
        coalesce(hop.actor_id, hop.actor_client_id, CASE
            WHEN hop.operation IN ('grant', 'delegate', 'renew', 'use') THEN placed.actor_id END
        ) AS actor_id,
        hop.presenter,
        hop.granted_scopes,
        CASE WHEN hop.operation IN ('grant', 'delegate') AND NOT hop.refused
            THEN placed.gained_scopes END AS gained_scopes,
        hop.audiences,
        hop.token_fingerprint,
        instant(hop.token_expires_at) AS expires_at,
        hop.action_name,
        hop.decision_outcome,
        hop.refused,
        hop.service,
        hop.seen_at,
        hop.evidence,
        coalesce(judged.violations, []) AS violations,
        coalesce(judged.finding_ids, []) AS finding_ids,
        hop.operation IS NULL AS gap,
        coalesce(placed.truncated, false) AS truncated,
        hop.trace_id,
        hop.span_id
    FROM owned_of('mine') AS hop
    FULL JOIN placed
        ON placed.id = hop.delegation_id AND placed.root_id IS NOT DISTINCT FROM hop.root_id
    LEFT JOIN judged ON judged.span_id = hop.span_id
    WHERE hop.operation IS NOT NULL OR placed.state = 'gap'
    ORDER BY
        1 NULLS LAST, placed.place NULLS LAST,
        CASE hop.operation WHEN 'grant' THEN 0 WHEN 'delegate' THEN hop.refused::INTEGER * 2
            WHEN 'renew' THEN 1 ELSE 2 END,
        hop.seen_at, hop.span_id;

-- The evidence of a finding: the violating hops and the delegations above them.
CREATE OR REPLACE MACRO explain_finding(wanted) AS TABLE
    WITH said AS (
        SELECT unnest(span_ids) AS span_id FROM findings
        WHERE length(wanted) >= 8 AND starts_with(id, wanted)
    ),
    rows AS MATERIALIZED (FROM chain(wanted)),
    lines AS (
        SELECT DISTINCT unnest(lineage) AS id FROM tree(wanted)
        WHERE id IN (
            SELECT delegation_id FROM rows WHERE span_id IN (SELECT span_id FROM said)
        )
    )
    SELECT coalesce(span_id IN (SELECT span_id FROM said), false) AS violating, *
    FROM rows
    WHERE span_id IN (SELECT span_id FROM said)
        OR delegation_id IN (SELECT id FROM lines)
        AND (operation IN ('grant', 'delegate', 'renew', 'revoke') AND NOT refused OR gap);
