-- Who, when, and with whose consent: `wanted` is a name or a list of names (see 60_names.sql).

-- Who else presented the same token (`shared` = 'token'), a token of the same issuer and jti ('jti'),
-- or one bound to the same key ('key'), in whatever chain. `other`: a use by another than
-- the token was issued to, as the names are written; rules judge, with aliases and gateways.
CREATE OR REPLACE MACRO who_else_used(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    borne AS (
        SELECT meant.asked, owned.presented_fingerprint AS token_fingerprint, token_issuer, token_jti,
            token_binding_thumbprint
        FROM owned
        JOIN meant ON meant.id = owned.under_id AND meant.root_id IS NOT DISTINCT FROM owned.root_id
        WHERE operation = 'use'
        UNION
        SELECT meant.asked, owned.token_fingerprint, token_issuer, token_jti, token_binding_thumbprint
        FROM owned
        JOIN meant
            ON meant.id = owned.delegation_id AND meant.root_id IS NOT DISTINCT FROM owned.root_id
        WHERE operation IN ('grant', 'delegate', 'renew') AND NOT refused
    ),
    marks AS MATERIALIZED (
        SELECT DISTINCT asked, 'token' AS shared, token_fingerprint AS value, NULL AS issuer FROM borne
        WHERE token_fingerprint IS NOT NULL
        UNION
        SELECT DISTINCT asked, 'jti', token_jti, rtrim(lower(token_issuer), '/') FROM borne WHERE token_jti IS NOT NULL
        UNION
        SELECT DISTINCT asked, 'key', token_binding_thumbprint, NULL FROM borne
        WHERE token_binding_thumbprint IS NOT NULL
    ),
    holder AS (
        SELECT meant.asked, names(coalesce(placed.actor_id, placed.claimed_actor)) AS holders
        FROM meant
        JOIN placed ON placed.id = meant.id AND placed.root_id IS NOT DISTINCT FROM meant.root_id
        GROUP BY meant.asked
    ),
    shown AS (
        SELECT asked, shared, value, hops.* FROM hops JOIN marks
            ON shared = 'token' AND value = CASE WHEN operation = 'delegate'
                THEN token_parent_fingerprint ELSE token_fingerprint END
        WHERE operation IN ('use', 'delegate')
        UNION ALL
        SELECT asked, shared, value, hops.* FROM hops JOIN marks
            ON shared = 'jti' AND value = CASE WHEN operation = 'delegate'
                THEN token_parent_jti ELSE token_jti END
        WHERE operation IN ('use', 'delegate') AND coalesce(same_issuer(issuer,
            CASE WHEN operation = 'delegate' THEN token_parent_issuer ELSE token_issuer END), true)
        UNION ALL
        SELECT asked, shared, value, hops.* FROM hops JOIN marks
            ON shared = 'key' AND value = token_binding_thumbprint
        WHERE operation = 'use'
    ),
    presented AS (
        SELECT *, presenter_of(operation, kind, presenter_id, actor_id, service) AS presenter FROM shown
    ),
    answer AS (
        SELECT
            asked, shared, value, operation, presenter,
            CASE WHEN operation = 'use' AND presenter IS NOT NULL AND any_value(holders) != []
                THEN NOT list_contains(any_value(holders), presenter) END AS other,
            root_id, names(coalesce(server_address, service)) AS systems, count(*) AS uses,
            count(*) FILTER (WHERE is_refused(decision_outcome, failed)) AS refused,
            min(seen_at) AS first_seen, max(seen_at) AS last_seen
        FROM presented LEFT JOIN holder USING (asked)
        GROUP BY asked, shared, value, operation, presenter, root_id
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.shared DESC, answer.value, answer.first_seen, answer.presenter;

-- Which consents and approvals cover what was done. Of a span or trace its own uses, of anything else
-- all at or below it; a row for each use and each consent on its line, and each approval that it names.
-- `status`: 'covers', or why not: 'missing', 'expired', 'lacks scopes' (as they are written), 'denied',
-- 'undecided', 'foreign' (given in another chain), 'later' (after the use), 'another action' (hashes differ).
-- Whether an approval is needed is for the policy: see the findings.
CREATE OR REPLACE MACRO consents_covering(wanted) AS TABLE
    WITH asked AS MATERIALIZED (FROM asked_of(wanted)),
    accused AS MATERIALIZED (FROM accused_of('asked')),
    named AS MATERIALIZED (FROM named_hops('asked', 'accused')),
    led AS MATERIALIZED (FROM led_by('asked', 'accused', 'named')),
    mine AS MATERIALIZED (FROM hops_led_to('led')),
    held_by AS MATERIALIZED (FROM token_owners_of('mine')),
    owned AS MATERIALIZED (FROM owned_with('mine', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('mine', 'held_by', 'owned')),
    meant AS MATERIALIZED (FROM meant_of('asked', 'accused', 'owned', 'placed')),
    direct AS MATERIALIZED (
        SELECT DISTINCT asked, span_key FROM owned JOIN asked
            ON span_id = exact OR trace_id = exact OR ends_with(span_id, tail)
        WHERE operation = 'use'
    ),
    acts AS MATERIALIZED (
        SELECT direct.asked, owned.* FROM owned JOIN direct USING (span_key) WHERE operation = 'use'
        UNION ALL
        SELECT below.asked, owned.*
        FROM owned
        JOIN below_of('placed', 'meant') AS below
            ON below.id = owned.under_id AND below.root_id IS NOT DISTINCT FROM owned.root_id
        WHERE operation = 'use' AND below.asked NOT IN (SELECT asked FROM direct)
    ),
    consented AS (
        SELECT acts.asked, acts.trace_id, acts.span_id, given.consent_id AS id, given.delegation_id,
            given.subject_id AS given_by, given.seen_at AS given_at,
            instant(given.token_expires_at) AS expires_at,
            CASE
                WHEN acts.seen_at > instant(given.token_expires_at) THEN 'expired'
                WHEN acts.seen_at < given.seen_at THEN 'later'
                WHEN beyond(acts.required_scopes, given.granted_scopes) != [] THEN 'lacks scopes'
                ELSE 'covers'
            END AS status
        FROM acts
        JOIN placed
            ON placed.id = acts.under_id AND placed.root_id IS NOT DISTINCT FROM acts.root_id
        JOIN owned AS given
            ON list_contains(placed.lineage, given.delegation_id)
            AND given.root_id IS NOT DISTINCT FROM acts.root_id
        WHERE given.operation IN ('grant', 'delegate') AND NOT given.refused
            AND given.consent_id IS NOT NULL
    ),
    approvals AS (
        SELECT acts.asked, acts.trace_id, acts.span_id, acts.approval_id AS id, given.id AS delegation_id,
            given.approver_id AS given_by, given.seen_at AS given_at,
            instant(given.approval_expires_at) AS expires_at,
            CASE
                WHEN given.approval_id IS NULL THEN 'missing'
                WHEN given.decision_outcome = 'expired' THEN 'expired'
                WHEN given.decision_outcome IN ('denied', 'deny') THEN 'denied'
                WHEN coalesce(given.decision_outcome NOT IN ('approved', 'allow'), true) THEN 'undecided'
                WHEN given.root_id != acts.root_id THEN 'foreign'
                WHEN acts.seen_at < given.seen_at THEN 'later'
                WHEN acts.seen_at > instant(given.approval_expires_at) THEN 'expired'
                WHEN given.approval_action_hash != acts.approval_action_hash THEN 'another action'
                ELSE 'covers'
            END AS status
        FROM acts
        LEFT JOIN (FROM hops WHERE operation = 'approve') AS given USING (approval_id)
        WHERE acts.approval_id IS NOT NULL
    ),
    covering AS (
        SELECT 'consent' AS kind, * FROM consented
        UNION ALL
        SELECT 'approval', * FROM approvals
        UNION ALL
        SELECT 'consent', asked, trace_id, span_id, NULL, NULL, NULL, NULL, NULL, 'missing'
        FROM acts ANTI JOIN consented USING (asked, trace_id, span_id)
    ),
    answer AS (
        SELECT
            acts.asked, acts.root_id, acts.under_id AS delegation_id, acts.action_name, acts.presenter,
            acts.seen_at, acts.refused, covering.kind, covering.id, covering.status, covering.given_by,
            covering.given_at, covering.expires_at, acts.trace_id, acts.span_id
        FROM acts JOIN covering USING (asked, trace_id, span_id)
    )
    SELECT asking.asked, asking.known, answer.* EXCLUDE (asked)
    FROM asking_of('asked', 'led') AS asking
    LEFT JOIN answer USING (asked)
    WHERE NOT asking.known OR answer.asked IS NOT NULL
    ORDER BY rank, answer.seen_at, answer.span_id, answer.kind DESC, answer.given_at, answer.id;

-- Everything that is known of a human, a chain or whatever is named, in the order in which it happened
-- (UTC): tokens, consents, decisions, revocations, ends, and findings as of their first violation.
CREATE OR REPLACE MACRO timeline(wanted) AS TABLE
    WITH rows AS MATERIALIZED (FROM chain(wanted)),
    events AS (
        SELECT
            asked, known, seen_at AS "at", operation AS kind,
            CASE operation WHEN 'grant' THEN path[1] WHEN 'approve' THEN approver_id ELSE presenter END AS who,
            coalesce(action_name, array_to_string(granted_scopes, ' ')) AS what,
            coalesce(decision_outcome, CASE WHEN refused THEN 'failed' END) AS outcome, root_id,
            delegation_id, token_fingerprint, service AS system, trace_id, span_id,
            NULL AS finding_id, NULL AS severity
        FROM rows WHERE operation IS NOT NULL OR NOT known
        UNION ALL
        SELECT asked, known, hops.seen_at, 'consent', subject_id, consent_id, NULL, hops.root_id,
            delegation_id, NULL, hops.service, trace_id, span_id, NULL, NULL
        FROM rows JOIN hops USING (trace_id, span_id)
        WHERE consent_id IS NOT NULL AND hops.operation IN ('grant', 'delegate')
        UNION ALL
        SELECT DISTINCT asked, known, first_seen, 'finding', path[-1], explanation, status, root_id,
            delegation_ids[-1], token_fingerprints[1], NULL, NULL, span_ids[1], findings.id, severity
        FROM findings
        JOIN (
            SELECT DISTINCT asked, known, root_id, unnest(finding_ids || [NULL]) AS finding_id FROM rows
        ) AS touched USING (root_id)
        UNION ALL
        SELECT DISTINCT asked, known, first_seen, 'finding', path[-1], explanation, status,
            findings.root_id, delegation_ids[-1], token_fingerprints[1], NULL, NULL, span_ids[1],
            findings.id, severity
        FROM findings
        JOIN (SELECT DISTINCT asked, known, root_id, unnest(finding_ids) AS id FROM rows) AS touched
            ON touched.id = findings.id AND touched.root_id IS DISTINCT FROM findings.root_id
    )
    FROM (SELECT DISTINCT * FROM events)
    ORDER BY asked, "at", kind, span_id, finding_id;

-- Two runs of one workflow: what each did, by who did it (actors below the human). `differs`: 'only in
-- one', 'only in other', 'scopes', 'outcome', 'times', or 'same'. `after...`: from the run's first hop.
CREATE OR REPLACE MACRO compare_runs(one, other) AS TABLE
    WITH runs AS (
        SELECT true AS first, * FROM chain(one)
        UNION ALL
        SELECT false, * FROM chain(other)
    ),
    begun AS (SELECT first, min(seen_at) AS start FROM runs GROUP BY first),
    done AS (
        SELECT
            runs.first, path[2:] AS path, operation, action_name, count(*) AS times,
            list_sort(list_distinct(flatten(list(coalesce(granted_scopes, []))))) AS scopes,
            count(*) FILTER (WHERE refused) AS refused, min(seen_at) - any_value(start) AS "after"
        FROM runs JOIN begun USING (first)
        WHERE operation IS NOT NULL
        GROUP BY ALL
    )
    SELECT
        coalesce(a.path, b.path) AS path, coalesce(a.operation, b.operation) AS operation,
        coalesce(a.action_name, b.action_name) AS action_name,
        CASE
            WHEN b.times IS NULL THEN 'only in one' WHEN a.times IS NULL THEN 'only in other'
            WHEN a.scopes != b.scopes THEN 'scopes' WHEN a.refused != b.refused THEN 'outcome'
            WHEN a.times != b.times THEN 'times' ELSE 'same'
        END AS differs,
        coalesce(a.times, 0) AS times_one, coalesce(b.times, 0) AS times_other,
        a.scopes AS scopes_one, b.scopes AS scopes_other, coalesce(a.refused, 0) AS refused_one,
        coalesce(b.refused, 0) AS refused_other, a."after" AS after_one, b."after" AS after_other
    FROM (FROM done WHERE first) AS a
    FULL JOIN (FROM done WHERE NOT first) AS b
        ON b.path = a.path AND b.operation = a.operation
        AND b.action_name IS NOT DISTINCT FROM a.action_name
    ORDER BY least(coalesce(a."after", b."after"), coalesce(b."after", a."after")), path, operation, action_name;
