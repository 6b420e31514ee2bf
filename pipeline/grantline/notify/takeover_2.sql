-- A ledger of version 2, which was kept by finding. What it had taken in is read again and known;
-- what it had not told, dead letters included, is told under its incident. In one transaction.
BEGIN IMMEDIATE;
CREATE TABLE known_before (
    topic TEXT NOT NULL, part INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, part)
) WITHOUT ROWID;
INSERT INTO known_before SELECT topic, part, next_offset FROM position;
CREATE TABLE untold (finding_id TEXT PRIMARY KEY) WITHOUT ROWID;
INSERT INTO untold SELECT DISTINCT finding_id FROM outbox UNION SELECT finding_id FROM held;
CREATE TABLE beginning (born_ms INTEGER NOT NULL);
INSERT INTO beginning VALUES (0);
DELETE FROM position;
DROP TABLE finding;
DROP TABLE held;
DROP TABLE told;
DROP TABLE outbox;
CREATE TABLE rebuilt (stage TEXT NOT NULL);
INSERT INTO rebuilt VALUES ('done');
PRAGMA user_version = 4;
COMMIT;
