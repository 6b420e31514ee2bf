-- Small words that the views and macros are written with.

-- How far a reporter is to be believed (model.hop.EVIDENCE_RANK).
CREATE OR REPLACE MACRO evidence_rank(evidence) AS
    CASE evidence
        WHEN 'issuer' THEN 6 WHEN 'verified_token' THEN 5 WHEN 'introspection' THEN 4
        WHEN 'unverified_token' THEN 3 WHEN 'context' THEN 2 WHEN 'asserted' THEN 1
        ELSE 0
    END;

-- Of several reports of one fact: what the strongest evidence says; of equals the greatest value,
-- so that the order of arrival decides nothing.
CREATE OR REPLACE MACRO strongest(evidence, said) AS
    (max({'strength': evidence_rank(evidence), 'said': said}) FILTER (WHERE said IS NOT NULL)).said;

-- Whole minutes since the epoch.
CREATE OR REPLACE MACRO minute_of(moment) AS epoch_ns(moment) // 60000000000;

-- The id of the delegation whose first token has this fingerprint (convention 1.5).
CREATE OR REPLACE MACRO derived_id(fingerprint) AS
    'dlg_' || left(split_part(fingerprint, ':', -1), 32);

-- Nothing was done with the token: denied, challenged, or failed without saying allow.
CREATE OR REPLACE MACRO is_refused(outcome, failed) AS
    coalesce(outcome IN ('deny', 'challenge'), failed);

-- Who presented: as the transport proved it, else as the emitter names itself. A server (kinds 2 and
-- 5) verifies and presents nothing; the actor of an exchange is whom the new token is for; the agent of
-- a process is not the service it runs in, so its own name comes first.
CREATE OR REPLACE MACRO presenter_of(operation, kind, presenter_id, actor_id, service) AS
    coalesce(
        presenter_id,
        CASE WHEN kind NOT IN (2, 5) THEN coalesce(
            CASE WHEN operation NOT IN ('delegate', 'revoke') THEN actor_id END,
            CASE WHEN kind IN (1, 3, 4) THEN service END
        ) END
    );

-- Whether two issuers are one, as far as SQL tells: letters and one final slash do not count.
CREATE OR REPLACE MACRO same_issuer(one, other) AS
    rtrim(lower(one), '/') IS NOT DISTINCT FROM rtrim(lower(other), '/');

-- A NumericDate as UTC time; NULL where it is no date of this calendar.
CREATE OR REPLACE MACRO instant(numeric_date) AS
    CASE WHEN numeric_date BETWEEN 0 AND 253402300799
        THEN make_timestamp(numeric_date * 1000000) END;

-- Scopes of `these` that `those` lack; NULL where one of them was not said.
CREATE OR REPLACE MACRO beyond(these, those) AS
    CASE WHEN these IS NOT NULL AND those IS NOT NULL
        THEN list_sort(list_filter(these, lambda one: NOT list_contains(those, one))) END;

-- Distinct values in order, without NULL.
CREATE OR REPLACE MACRO names(value) AS
    coalesce(list_sort(list(DISTINCT value) FILTER (WHERE value IS NOT NULL)), []);

CREATE OR REPLACE MACRO severity_rank(severity) AS
    list_position(['info', 'low', 'medium', 'high', 'critical'], severity);
