-- Questions about one chain. `wanted` is a root, delegation, token fingerprint, span or trace id,
-- or a finding id, whole or the first characters of it (at least 8).

-- The finding is meant: by its id, as alerts print it with `-` and its revision, or a beginning.
CREATE OR REPLACE MACRO is_meant(finding_id, wanted) AS
    length(regexp_replace(wanted, '-[0-9]+$', '')) >= 8
    AND starts_with(finding_id, regexp_replace(wanted, '-[0-9]+$', ''));

-- The findings that are meant: the rows of view `findings`, without a look at the revisions of all
-- others.
CREATE OR REPLACE MACRO findings_meant(wanted) AS TABLE
    FROM finding_history
    WHERE is_meant(id, wanted)
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC, rowid) = 1;

-- The spans and chains of the findings that are meant. A violating span may stand in another
-- chain than the finding does: a token of one grant, presented under another.
CREATE OR REPLACE MACRO evidence_of(wanted) AS TABLE
    SELECT id, root_id, unnest(span_ids) AS span_id, delegation_ids FROM findings_meant(wanted);

-- The hops that `wanted` names, of whatever chain.
CREATE OR REPLACE MACRO named_hops(wanted) AS TABLE
    SELECT root_id, span_key FROM hops
    WHERE root_id = wanted OR id = wanted OR parent_id = wanted OR span_id = wanted
        OR trace_id = wanted
        OR token_fingerprint IN (wanted, 'sha256:' || wanted)
        OR token_parent_fingerprint IN (wanted, 'sha256:' || wanted)
        OR span_id IN (SELECT span_id FROM evidence_of(wanted));

-- The hops of the chains that `wanted` leads to; of those without a root, what it names.
CREATE OR REPLACE MACRO hops_of(wanted) AS TABLE
    WITH named AS MATERIALIZED (FROM named_hops(wanted)),
    roots AS (
        SELECT root_id FROM named WHERE root_id IS NOT NULL
        UNION
        SELECT root_id FROM findings_meant(wanted) WHERE root_id IS NOT NULL
    )
    FROM hops WHERE root_id IN (FROM roots)
    UNION ALL
    FROM hops
    WHERE root_id IS NULL AND span_key IN (SELECT span_key FROM named WHERE root_id IS NULL);

-- The delegations of the chain, from the human down, gaps among them. `tokens` are its own; those
-- of a gap, what was presented as its. `elsewhere`: in which other chains a gap was reported.
CREATE OR REPLACE MACRO tree(wanted) AS TABLE
    WITH mine AS MATERIALIZED (FROM hops_of(wanted)),
    placed AS MATERIALIZED (FROM placed_of('mine')),
    held AS (
        SELECT root_id, id, list(DISTINCT token ORDER BY token) AS tokens
        FROM (
            SELECT root_id, delegation_id AS id, token_fingerprint AS token
            FROM token_owners_of('mine')
            UNION ALL
            SELECT hop.root_id, hop.under_id, hop.presented_fingerprint
            FROM owned_of('mine') AS hop
            JOIN placed
                ON placed.id = hop.under_id AND placed.root_id IS NOT DISTINCT FROM hop.root_id
            WHERE placed.state = 'gap' AND hop.presented_fingerprint IS NOT NULL
        )
        GROUP BY root_id, id
    ),
    reported AS (
        SELECT id, list(other ORDER BY other) AS elsewhere
        FROM (
            SELECT id, {
                'root_id': root_id, 'subject_id': max(subject_id),
                'actor_id': max(coalesce(actor_id, actor_client_id))
            } AS other
            FROM (
                SELECT * REPLACE (coalesce(id, derived_id(token_fingerprint)) AS id) FROM hops
                WHERE operation IN ('grant', 'delegate') AND root_id IS NOT NULL
                    AND NOT is_refused(decision_outcome, failed)
            )
            SEMI JOIN (FROM placed WHERE state = 'gap') AS gap USING (id)
            GROUP BY id, root_id
        )
        GROUP BY id
    )
    SELECT
        placed.*, coalesce(held.tokens, []) AS tokens,
        CASE WHEN placed.state = 'gap' THEN reported.elsewhere END AS elsewhere
    FROM placed
    LEFT JOIN held ON held.id = placed.id AND held.root_id IS NOT DISTINCT FROM placed.root_id
    LEFT JOIN reported ON reported.id = placed.id
    ORDER BY placed.root_id, placed.place;

-- The whole chain, hop by hop from the human to the actions, gaps as rows without an operation.
CREATE OR REPLACE MACRO chain(wanted) AS TABLE
    WITH mine AS MATERIALIZED (FROM hops_of(wanted)),
    placed AS MATERIALIZED (FROM placed_of('mine')),
    judged AS (
        SELECT span_id, list(DISTINCT reference ORDER BY reference) AS violations,
            list(DISTINCT id ORDER BY id) AS finding_ids
        FROM (
            SELECT unnest(span_ids) AS span_id, reference, id FROM findings WHERE status = 'open'
        )
        SEMI JOIN mine USING (span_id)
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
        hop.approver_id,
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
        hop.kind,
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

-- The evidence of a finding: the violating hops and the delegations above them, in every chain
-- that is concerned.
CREATE OR REPLACE MACRO explain_finding(wanted) AS TABLE
    WITH said AS MATERIALIZED (FROM evidence_of(wanted)),
    rows AS MATERIALIZED (FROM chain(wanted)),
    lines AS (
        SELECT DISTINCT root_id, unnest(lineage) AS id FROM tree(wanted)
        WHERE id IN (
            SELECT delegation_id FROM rows WHERE span_id IN (SELECT span_id FROM said)
            UNION
            SELECT unnest(delegation_ids) FROM said
        )
    )
    SELECT coalesce(span_id IN (SELECT span_id FROM said), false) AS violating, rows.*
    FROM rows
    LEFT JOIN lines
        ON lines.id = rows.delegation_id AND lines.root_id IS NOT DISTINCT FROM rows.root_id
    WHERE span_id IN (SELECT span_id FROM said)
        OR lines.id IS NOT NULL
        AND (operation IN ('grant', 'delegate', 'renew', 'revoke') AND NOT refused OR gap);
