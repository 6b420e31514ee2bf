-- What a question is asked about. `wanted` is one name or a list of names, whatever a person has of a
-- thing: a delegation or chain, a token's fingerprint (with or without `sha256:`) or the end of one as
-- pictures show it (`...a0db`, four characters at least), a jti, a span, trace, task or session, an
-- agent, a system, a human, an approval or a consent, a finding or the first eight characters of it.

-- One row a name, twice where it may stand for a fingerprint: `exact` is what a value must be to go by
-- it. `tail`: what it must end with, where only the end is given. `several`: a list was asked.
CREATE OR REPLACE MACRO asked_of(wanted) AS TABLE
    WITH told AS (
        SELECT json_type(js) = 'ARRAY' AS several,
            CASE WHEN several THEN js ->> '$[*]' ELSE [js ->> '$'] END AS names
        -- The length is of use to DuckDB: not knowing its type, it puts off planning the macros
        -- until they are called (0.1 s to create them all, for 2 s).
        FROM (SELECT to_json(wanted) AS js, len(wanted) AS length)
    )
    SELECT rank, asked, several, unnest([asked, 'sha256:' || asked]) AS exact,
        nullif(regexp_extract(asked, '^(?:\.\.\.|…)(.{4,})$', 1), '') AS tail
    FROM (
        SELECT min(place) AS rank, asked, several
        FROM (
            SELECT several, unnest(names) AS asked, generate_subscripts(names, 1) AS place FROM told
        )
        WHERE asked IS NOT NULL
        GROUP BY asked, several
    );

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

-- The findings that each name means.
CREATE OR REPLACE MACRO accused_of(asked_rows) AS TABLE
    SELECT rank, asked, said.id, said.root_id, said.span_ids, said.delegation_ids
    FROM (SELECT DISTINCT rank, asked FROM query_table(asked_rows) WHERE length(asked) >= 8) AS asked
    JOIN finding_history AS said ON is_meant(said.id, asked.asked)
    QUALIFY row_number() OVER (
        PARTITION BY asked, said.id ORDER BY said.revision DESC, said.rowid) = 1;

-- The hops that the names lead to, of whatever chain, each with what it goes by. One name is compared
-- as it stands; a list is built of each hop's names only where more are asked.
CREATE OR REPLACE MACRO named_hops(asked_rows, accused_rows) AS TABLE
    WITH sought AS MATERIALIZED (
        SELECT arg_min(asked, rank) AS one, 'sha256:' || one AS printed, count(*) > 2 AS more,
            list(exact) AS exact, list(DISTINCT tail) FILTER (WHERE tail IS NOT NULL) AS tails
        FROM query_table(asked_rows)
    )
    SELECT
        root_id, span_key, span_id,
        [root_id, id, parent_id, span_id, trace_id, token_fingerprint, token_parent_fingerprint,
         token_jti, token_parent_jti, task_id, session_id, actor_id, actor_client_id, delegator_id,
         presenter_id, agent_name, service, server_address, subject_id, approver_id, approval_id,
         consent_id] AS names
    FROM hops, sought
    WHERE root_id = one OR id = one OR parent_id = one OR span_id = one OR trace_id = one
        OR token_fingerprint = one OR token_fingerprint = printed
        OR token_parent_fingerprint = one OR token_parent_fingerprint = printed
        OR token_jti = one OR token_parent_jti = one OR task_id = one OR session_id = one
        OR actor_id = one OR actor_client_id = one OR delegator_id = one OR presenter_id = one
        OR agent_name = one OR service = one OR server_address = one OR subject_id = one
        OR approver_id = one OR approval_id = one OR consent_id = one
        OR more AND list_has_any(names, exact)
        OR tails IS NOT NULL AND len(list_filter(tails, lambda tail:
            len(list_filter(names, lambda name: ends_with(name, tail))) > 0)) > 0
        OR span_id IN (SELECT unnest(span_ids) FROM query_table(accused_rows));

-- Which name leads to which chain: of those without a root, to which span.
CREATE OR REPLACE MACRO led_by(asked_rows, accused_rows, named_rows) AS TABLE
    WITH told AS (
        SELECT DISTINCT root_id, CASE WHEN root_id IS NULL THEN span_key END AS span_key, span_id,
            unnest(names) AS name
        FROM query_table(named_rows)
    )
    SELECT rank, asked, root_id, span_key
    FROM told JOIN query_table(asked_rows) AS asked ON told.name = asked.exact
    UNION
    SELECT rank, asked, root_id, span_key
    FROM told
    JOIN (FROM query_table(asked_rows) WHERE tail IS NOT NULL) AS asked
        ON ends_with(told.name, asked.tail)
    UNION
    SELECT rank, asked, told.root_id, told.span_key
    FROM (SELECT rank, asked, unnest(span_ids) AS span_id FROM query_table(accused_rows)) AS accused
    JOIN told USING (span_id)
    UNION
    SELECT rank, asked, root_id, NULL FROM query_table(accused_rows);

-- The hops of the chains that were found; of those without a root, what was named.
CREATE OR REPLACE MACRO hops_led_to(led_rows) AS TABLE
    FROM hops
    WHERE root_id IN (SELECT root_id FROM query_table(led_rows) WHERE root_id IS NOT NULL)
    UNION ALL
    FROM hops
    WHERE root_id IS NULL
        AND span_key IN (SELECT span_key FROM query_table(led_rows) WHERE span_key IS NOT NULL);

-- Each name that was asked, in its order, and whether the lineage knows it. One unknown name is an
-- error; in a list it is marked: not `known`, and no more is told of it.
CREATE OR REPLACE MACRO asking_of(asked_rows, led_rows) AS TABLE
    SELECT
        rank, asked.asked,
        CASE
            WHEN led.asked IS NOT NULL THEN true
            WHEN several THEN false
            ELSE error('the lineage knows nothing by ''' || left(asked.asked, 100) || ''': give a chain, '
                || 'delegation, token fingerprint or its end (...a0db), jti, span, trace, task, agent, '
                || 'system, human or finding; in a list an unknown name is only marked')
        END AS known
    FROM (SELECT DISTINCT rank, asked, several FROM query_table(asked_rows)) AS asked
    LEFT JOIN (SELECT DISTINCT asked FROM query_table(led_rows)) AS led USING (asked);

-- Which delegations each name means: itself, that of a token or span, those that an agent holds, that
-- were given in a task or to a human's agent.
CREATE OR REPLACE MACRO meant_of(asked_rows, accused_rows, owned_rows, placed_rows) AS TABLE
    WITH bears AS (
        SELECT root_id, delegation_id AS id, unnest([
            delegation_id, span_id, trace_id, token_fingerprint, token_jti, task_id, session_id,
            approval_id, consent_id, actor_id, actor_client_id, agent_name,
            CASE WHEN operation = 'grant' THEN subject_id END,
            CASE WHEN operation = 'use' THEN presenter END,
            CASE WHEN operation = 'use' THEN service END, server_address
        ]) AS name
        FROM query_table(owned_rows)
        UNION
        SELECT root_id, under_id, unnest([
            under_id, presented_fingerprint, token_parent_jti,
            CASE WHEN operation = 'delegate' THEN delegator_id END
        ])
        FROM query_table(owned_rows)
        UNION
        SELECT root_id, id, unnest([id, claimed_actor]) FROM query_table(placed_rows)
    ),
    meant AS (
        SELECT asked, root_id, id
        FROM bears JOIN query_table(asked_rows) AS asked ON bears.name = asked.exact
        UNION
        SELECT asked, root_id, id
        FROM bears
        JOIN (FROM query_table(asked_rows) WHERE tail IS NOT NULL) AS asked
            ON ends_with(bears.name, asked.tail)
        UNION
        SELECT asked, root_id, unnest(delegation_ids) FROM query_table(accused_rows)
        UNION
        SELECT asked, owned.root_id, owned.delegation_id
        FROM (SELECT asked, unnest(span_ids) AS span_id FROM query_table(accused_rows)) AS accused
        JOIN query_table(owned_rows) AS owned USING (span_id)
    )
    FROM meant
    WHERE id IS NOT NULL;

-- Everything at or below what is meant: for each name every delegation once, from the nearest that is
-- meant.
CREATE OR REPLACE MACRO below_of(placed_rows, meant_rows) AS TABLE
    SELECT DISTINCT ON (meant.asked, placed.root_id, placed.id)
        meant.asked, top.id AS "from", placed.root_id, placed.id,
        len(placed.lineage) - len(top.lineage) AS distance,
        list_position(placed.lineage, top.id) < placed.unbroken_from AS across_gap
    FROM query_table(meant_rows) AS meant
    JOIN query_table(placed_rows) AS top
        ON top.id = meant.id AND top.root_id IS NOT DISTINCT FROM meant.root_id
    JOIN query_table(placed_rows) AS placed
        ON placed.root_id IS NOT DISTINCT FROM top.root_id
        AND list_contains(placed.lineage, top.id)
    ORDER BY distance, top.id;
