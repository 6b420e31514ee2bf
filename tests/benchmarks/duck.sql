-- The findings of a batch job, told by the spans it holds: (reference, span id).
-- Written as an analyst would: set at a time, over everything in the table, every time anew.
-- Rules in here follow pipeline/grantline/rules; scope hierarchies, aliases, proxies, rotated tokens,
-- confidence, evidence and every word of explanation are left out, in this job's favour.

CREATE OR REPLACE TEMP TABLE hop AS
    SELECT DISTINCT ON (trace_id, span_id) * FROM spans;

CREATE OR REPLACE TEMP TABLE issued AS
    SELECT * FROM hop
    WHERE operation IN ('grant', 'delegate') AND coalesce(outcome, 'allow') = 'allow';

-- A token is presented when it is used, and when it is exchanged for a narrower one.
CREATE OR REPLACE TEMP TABLE shown AS
    SELECT span_id, operation, time, kind, service, presenter, server, outcome, root_id,
        if(operation = 'use', token, parent_token) AS token
    FROM hop
    WHERE operation IN ('use', 'delegate');

CREATE OR REPLACE TEMP TABLE dead AS
    SELECT id, time, target FROM hop WHERE operation = 'revoke';

INSERT OR IGNORE INTO findings
WITH RECURSIVE
descends(id, depth, allowed) AS (
    SELECT id, 0, coalesce(max_depth, 5) FROM issued WHERE operation = 'grant'
    UNION ALL
    SELECT child.id, above.depth + 1, above.allowed
    FROM descends AS above JOIN issued AS child ON child.parent_id = above.id
),
below(id, time) AS (
    SELECT child.id, dead.time FROM dead JOIN issued AS child ON child.parent_id = dead.id
    WHERE dead.target = 'subtree'
    UNION ALL
    SELECT child.id, above.time FROM below AS above JOIN issued AS child ON child.parent_id = above.id
),
found AS (
    -- presented by someone it was not issued to, who is no gateway either
    SELECT 'TR-01' AS reference, shown.span_id
    FROM shown JOIN issued USING (token)
    WHERE shown.operation = 'use'
        AND regexp_extract(shown.presenter, '[^/]+$') NOT IN (issued.actor, issued.client)
        AND NOT EXISTS (
            FROM shown AS gateway
            WHERE gateway.token = shown.token AND gateway.operation = 'use' AND gateway.kind = 2
                AND gateway.service = regexp_extract(shown.presenter, '[^/]+$')
        )
    UNION ALL
    SELECT 'TR-04', shown.span_id
    FROM shown JOIN issued USING (token) JOIN dead ON dead.id = issued.id
    WHERE shown.time > dead.time + 60_000_000_000
    UNION ALL
    SELECT 'TR-05', shown.span_id
    FROM shown JOIN issued USING (token) JOIN below ON below.id = issued.id
    WHERE shown.time > below.time + 60_000_000_000
    UNION ALL
    SELECT 'TR-06', shown.span_id
    FROM shown JOIN issued USING (token)
    WHERE shown.time > (issued.expires_at + 60) * 1_000_000_000
    UNION ALL
    SELECT 'TR-10', shown.span_id
    FROM shown JOIN issued USING (token)
    WHERE shown.root_id <> issued.root_id
    UNION ALL
    -- a client sees only the first stop of its token; what accepted it reports for itself
    SELECT 'TR-11', shown.span_id
    FROM shown JOIN issued USING (token)
    WHERE shown.operation = 'use' AND coalesce(shown.outcome, 'allow') = 'allow'
        AND NOT list_contains(
            list_transform(issued.audiences, lambda it: regexp_extract(it, '//([^/:]+)', 1)),
            shown.server
        )
        AND NOT EXISTS (
            FROM shown AS last
            WHERE last.token = shown.token AND last.kind = 2
                AND list_contains(issued.audiences, 'https://' || last.server)
                AND (shown.kind <> 2 OR regexp_extract(last.presenter, '[^/]+$') = shown.service)
        )
    UNION ALL
    SELECT 'SE-01', child.span_id
    FROM issued AS child LEFT JOIN issued AS parent ON parent.id = child.parent_id
    WHERE child.operation = 'delegate' AND len(list_filter(
        child.granted, lambda it: NOT list_contains(coalesce(parent.granted, child.parent_scopes), it)
    )) > 0
    UNION ALL
    -- beyond the grant, and the hop's own report of its parent hides where it came in
    SELECT 'SE-02', child.span_id
    FROM issued AS child
        JOIN issued AS root ON root.root_id = child.root_id AND root.operation = 'grant'
        LEFT JOIN issued AS parent ON parent.id = child.parent_id
    WHERE child.operation = 'delegate' AND len(list_filter(
        child.granted,
        lambda it: NOT list_contains(root.granted, it)
            AND NOT list_contains(coalesce(parent.granted, []), it)
            AND list_contains(child.parent_scopes, it)
    )) > 0
    UNION ALL
    SELECT 'CS-09', issued.span_id
    FROM descends JOIN issued USING (id)
    WHERE descends.depth > descends.allowed
    UNION ALL
    -- nobody reported the parent within five minutes
    SELECT 'CS-06', child.span_id
    FROM issued AS child ANTI JOIN issued AS parent ON parent.id = child.parent_id
    WHERE child.operation = 'delegate' AND child.received < epoch_ms(now()) - 300_000
)
SELECT DISTINCT reference, span_id FROM found;
