-- What a query from outside may be: one SELECT (or EXPLAIN, DESCRIBE, SHOW, SUMMARIZE) over the
-- lineage. Quack asks this before it runs anything, inserts included, and takes whatever is not
-- true, an error too, for a refusal.
--
-- DuckDB's own parser judges, not a pattern: json_serialize_sql refuses every statement that is
-- no SELECT. What a SELECT calls in its FROM must be one of our macros or a listed function:
-- others read files, stop the server or answer for other sessions.

CREATE OR REPLACE MACRO called_in_from(tree) AS
    list_transform(json_extract_string(tree, '$..function.function_name'), lambda name: lower(name));

CREATE OR REPLACE MACRO called_anywhere(tree) AS
    list_transform(json_extract_string(tree, '$..function_name'), lambda name: lower(name));

CREATE OR REPLACE MACRO may_run(session_id, query) AS (
    SELECT
        coalesce(tree ->> '$.error' = 'false', false)
        AND coalesce(json_array_length(tree, '$.statements') = 1, false)
        AND list_has_all(
            ['range', 'generate_series', 'unnest', 'generate_subscripts', 'json_each', 'json_tree',
             'duckdb_tables', 'duckdb_columns', 'duckdb_views', 'duckdb_schemas',
             'duckdb_databases', 'duckdb_functions', 'duckdb_types', 'duckdb_keywords',
             'pragma_version', 'pragma_table_info']
            || (SELECT list(function_name) FROM duckdb_functions()
                WHERE function_type = 'table_macro' AND NOT internal
                    AND database_name = current_database()),
            called_in_from(tree)
        )
        AND NOT list_has_any(
            ['write_log', 'setseed', 'nextval', 'sleep_ms', 'getenv', 'quack_check_token'],
            called_anywhere(tree)
        )
    FROM (
        SELECT json_serialize_sql(
            regexp_replace(query::VARCHAR, '^\s*explain\s+(analyze\s+)?', '', 'i')
        ) AS tree
    )
);
