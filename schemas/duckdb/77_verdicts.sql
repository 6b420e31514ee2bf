-- Was it authorised? One row for each use and each exchange (those of view `uses`), of whoever reports it:
-- `verdict` is 'refused', 'not authorised' (with the finding that says so, and what it says), 'unproven'
-- (with the one record that would settle it, and who owes it) or 'authorised'. The first that holds.
--
-- No policy is applied here: rules judge, and declare what their findings do to verdicts (rule_effects).
-- A finding that is provisional or of low confidence denies nothing. Mutes and exemptions of alerts change
-- no verdict. What was stored but came too late to be judged, or under a clock that tells nothing, is
-- unproven; so is what stands below something that nobody reported. A finding lists its first 64 spans:
-- what may be among those that it does not list is unproven, and never taken for authorised.
CREATE OR REPLACE VIEW verdicts AS
    WITH held_by AS MATERIALIZED (FROM token_owners_of('hops')),
    owned AS MATERIALIZED (FROM owned_with('hops', 'held_by')),
    placed AS MATERIALIZED (FROM placed_with('hops', 'held_by', 'owned')),
    acts AS MATERIALIZED (
        SELECT row_number() OVER () AS number, *
        FROM owned
        WHERE operation = 'use' OR operation = 'delegate' AND token_parent_fingerprint IS NOT NULL
    ),
    said AS MATERIALIZED (
        SELECT
            id, rule, root_id, span_ids, token_fingerprints, "count", last_seen, explanation,
            retracts_if, provisional, reaches,
            effect = 'denies' AND NOT provisional AND confidence != 'low' AS denies
        FROM findings
        JOIN rule_effects USING (rule)
        WHERE status = 'open' AND effect != 'nothing'
    ),
    accused AS MATERIALIZED (
        SELECT said.id, said.denies, said.reaches, owned.root_id, owned.delegation_id, owned.span_id,
            owned.operation, owned.refused, owned.seen_at
        FROM (SELECT id, denies, reaches, unnest(span_ids) AS span_id FROM said) AS said
        JOIN owned USING (span_id)
    ),
    struck AS (
        SELECT acts.number, accused.id, accused.denies, false AS unlisted
        FROM acts JOIN accused USING (span_id)
        UNION
        SELECT acts.number, accused.id, accused.denies, false
        FROM accused
        JOIN placed
            ON placed.root_id IS NOT DISTINCT FROM accused.root_id
            AND list_contains(placed.lineage, accused.delegation_id)
        JOIN acts
            ON acts.under_id = placed.id AND acts.root_id IS NOT DISTINCT FROM placed.root_id
        WHERE accused.reaches = 'below' AND NOT accused.refused
            AND accused.operation IN ('grant', 'delegate', 'renew')
        UNION
        SELECT acts.number, said.id, false, true
        FROM (
            SELECT said.*, listed.until FROM said
            LEFT JOIN (SELECT id, max(seen_at) AS until FROM accused GROUP BY id) AS listed USING (id)
            WHERE "count" > len(span_ids)
        ) AS said
        JOIN acts
            ON (acts.root_id = said.root_id
                OR list_contains(said.token_fingerprints, acts.presented_fingerprint))
            AND coalesce(acts.seen_at >= said.until, true)
            AND (said.reaches = 'below' OR coalesce(acts.seen_at <= said.last_seen, true))
    ),
    judged AS (
        SELECT
            number, bool_or(struck.denies) AS denied,
            -- One finding is named: one that denies before one that does not; of these the least id.
            min(struck.id) FILTER (WHERE struck.denies) AS denied_by,
            min(struck.id) FILTER (WHERE NOT unlisted) AS doubted_by,
            min(struck.id) AS named_by
        FROM struck
        GROUP BY number
    ),
    holes AS (
        SELECT placed.root_id, placed.id,
            arg_max(gap.id, list_position(placed.lineage, gap.id)) AS missing,
            arg_max(gap.claimed_actor, list_position(placed.lineage, gap.id)) AS claimed_actor
        FROM placed
        JOIN (FROM placed WHERE state = 'gap') AS gap
            ON gap.root_id IS NOT DISTINCT FROM placed.root_id
            AND list_contains(placed.lineage, gap.id)
        GROUP BY placed.root_id, placed.id
    ),
    issued AS (
        SELECT token_fingerprint, strongest(evidence, token_issuer) AS issuer FROM hops
        WHERE operation IN ('grant', 'delegate', 'renew') AND token_fingerprint IS NOT NULL
        GROUP BY token_fingerprint
    ),
    known AS (
        SELECT
            acts.*, coalesce(acts.server_address, acts.service) AS system,
            coalesce(issued.issuer, CASE WHEN acts.operation = 'use' THEN acts.token_issuer
                ELSE acts.token_parent_issuer END) AS issuer,
            coalesce(denied, false) AS denied,
            coalesce(denied_by, doubted_by, named_by) AS finding_id,
            doubted_by IS NULL AND named_by IS NOT NULL AS unlisted,
            -- What is missing, whatever rules say.
            CASE
                WHEN acts.root_id IS NULL THEN 'the grant that it leads to'
                WHEN acts.under_id IS NULL THEN 'the token or delegation that it was done with'
                WHEN holes.missing IS NOT NULL THEN 'the report of ' || holes.missing
                WHEN placed.id IS NULL OR placed.state = 'unplaced' OR placed.unbroken_from > 1
                    THEN 'what ' || acts.under_id || ' was obtained with'
                WHEN list_contains(acts.flags, 'late') THEN 'this span in time: it came too late to be judged'
                WHEN list_contains(acts.flags, 'clock_unusable') THEN 'a clock that tells when it was'
            END AS unseen,
            CASE
                WHEN acts.root_id IS NULL OR unseen LIKE 'what %'
                    THEN coalesce(issuer, acts.actor_id, acts.presenter)
                WHEN acts.under_id IS NULL OR list_has_any(acts.flags, ['late', 'clock_unusable'])
                    AND holes.missing IS NULL THEN acts.service
                ELSE coalesce(holes.claimed_actor, issuer)
            END AS owing
        FROM acts
        LEFT JOIN judged USING (number)
        LEFT JOIN placed
            ON placed.id = acts.under_id AND placed.root_id IS NOT DISTINCT FROM acts.root_id
        LEFT JOIN holes
            ON holes.id = acts.under_id AND holes.root_id IS NOT DISTINCT FROM acts.root_id
        LEFT JOIN issued ON issued.token_fingerprint = acts.presented_fingerprint
    ),
    decided AS (
        SELECT
            *,
            CASE
                WHEN refused THEN 'refused'
                WHEN denied THEN 'not authorised'
                WHEN unseen IS NOT NULL OR finding_id IS NOT NULL THEN 'unproven'
                ELSE 'authorised'
            END AS verdict
        FROM known
    )
    SELECT
        decided.verdict, decided.root_id, under_id AS delegation_id,
        presented_fingerprint AS token_fingerprint, operation, presenter, system, issuer, action_name,
        seen_at, CASE WHEN verdict IN ('not authorised', 'unproven') THEN finding_id END AS finding_id,
        CASE WHEN verdict IN ('not authorised', 'unproven') THEN said.rule END AS rule,
        CASE WHEN verdict IN ('not authorised', 'unproven') THEN said.explanation END AS fact,
        CASE WHEN verdict = 'unproven' THEN coalesce(
            unseen,
            CASE
                WHEN unlisted THEN 'whether it is among the ' || said."count" || ' spans of '
                    || finding_id || ', which lists ' || len(said.span_ids)
                WHEN said.provisional THEN 'the other side''s report of this call'
                ELSE said.retracts_if
            END
        ) END AS missing,
        CASE WHEN verdict = 'unproven' THEN coalesce(
            CASE WHEN unseen IS NOT NULL THEN owing END,
            CASE WHEN said.provisional THEN system ELSE issuer END
        ) END AS owed_by,
        trace_id, span_id
    FROM decided
    LEFT JOIN said ON said.id = decided.finding_id;
