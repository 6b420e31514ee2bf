-- Questions about one chain, or several: `wanted` is a name or a list of names (see 60_names.sql).

-- The delegations of the chain, from the human down, gaps among them. `tokens` are its own; those
-- of a gap, what was presented as its. `elsewhere`: in which other chains a gap was reported.
CREATE OR REPLACE MACRO tree(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    held AS (
        SELECT root_id, id, list(DISTINCT token ORDER BY token) AS tokens
        FROM (
            SELECT root_id, delegation_id AS id, token_fingerprint AS token FROM held_by
            UNION ALL
            SELECT hop.root_id, hop.under_id, hop.presented_fingerprint
            FROM owned AS hop
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
    ),
    -- Without a root, what hangs together is a chain.
    leads AS (
        SELECT DISTINCT asked, root_id, NULL AS top FROM led WHERE root_id IS NOT NULL
        UNION
        SELECT led.asked, NULL, placed.lineage[1]
        FROM led
        JOIN owned ON owned.root_id IS NULL AND owned.span_key = led.span_key
        JOIN placed ON placed.root_id IS NULL
            AND (placed.id = owned.delegation_id OR placed.id = owned.under_id)
    ),
    rows AS (
        SELECT
            leads.asked, placed.*, coalesce(held.tokens, []) AS tokens,
            CASE WHEN placed.state = 'gap' THEN reported.elsewhere END AS elsewhere
        FROM placed
        JOIN leads
            ON leads.root_id = placed.root_id
            OR placed.root_id IS NULL AND leads.root_id IS NULL AND leads.top = placed.lineage[1]
        LEFT JOIN held ON held.id = placed.id AND held.root_id IS NOT DISTINCT FROM placed.root_id
        LEFT JOIN reported ON reported.id = placed.id
    )
    SELECT asking.asked, asking.known, rows.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN rows USING (asked)
    WHERE NOT asking.known OR rows.asked IS NOT NULL
    ORDER BY rank, rows.root_id, rows.place;

-- The whole chain, hop by hop from the human to the actions, gaps as rows without an operation.
CREATE OR REPLACE MACRO chain(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    judged AS (
        SELECT span_id, list(DISTINCT reference ORDER BY reference) AS violations,
            list(DISTINCT id ORDER BY id) AS finding_ids
        FROM (
            SELECT unnest(span_ids) AS span_id, reference, id FROM findings WHERE status = 'open'
        )
        SEMI JOIN mine USING (span_id)
        GROUP BY span_id
    ),
    rows AS MATERIALIZED (
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
            hop.span_id,
            hop.span_key,
            placed.place,
            coalesce(placed.lineage[1], hop.span_id) AS top
        FROM owned AS hop
        FULL JOIN placed
            ON placed.id = hop.delegation_id AND placed.root_id IS NOT DISTINCT FROM hop.root_id
        LEFT JOIN judged ON judged.span_id = hop.span_id
        WHERE hop.operation IS NOT NULL OR placed.state = 'gap'
    ),
    leads AS (
        SELECT DISTINCT asked, root_id, NULL AS top FROM led WHERE root_id IS NOT NULL
        UNION
        SELECT led.asked, NULL, rows.top
        FROM led JOIN rows ON rows.root_id IS NULL AND rows.span_key = led.span_key
    ),
    answer AS (
        SELECT leads.asked, rows.*
        FROM rows
        JOIN leads
            ON leads.root_id = rows.root_id
            OR rows.root_id IS NULL AND leads.root_id IS NULL AND leads.top = rows.top
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked, span_key, place, top)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY
        rank, answer.root_id NULLS LAST, answer.place NULLS LAST,
        CASE answer.operation WHEN 'grant' THEN 0 WHEN 'delegate' THEN answer.refused::INTEGER * 2
            WHEN 'renew' THEN 1 ELSE 2 END,
        answer.seen_at, answer.span_id;

-- The evidence of a finding: the violating hops and the delegations above them, in every chain
-- that is concerned.
CREATE OR REPLACE MACRO explain_finding(wanted) AS TABLE
    WITH said AS MATERIALIZED (FROM evidence_of(wanted)),
    rows AS MATERIALIZED (FROM chain([wanted])),
    lines AS (
        SELECT DISTINCT root_id, unnest(lineage) AS id FROM tree([wanted])
        WHERE id IN (
            SELECT delegation_id FROM rows WHERE span_id IN (SELECT span_id FROM said)
            UNION
            SELECT unnest(delegation_ids) FROM said
        )
    )
    SELECT coalesce(span_id IN (SELECT span_id FROM said), false) AS violating,
        rows.* EXCLUDE (asked, known)
    FROM rows
    LEFT JOIN lines
        ON lines.id = rows.delegation_id AND lines.root_id IS NOT DISTINCT FROM rows.root_id
    WHERE span_id IN (SELECT span_id FROM said)
        OR lines.id IS NOT NULL
        AND (operation IN ('grant', 'delegate', 'renew', 'revoke') AND NOT refused OR gap);
