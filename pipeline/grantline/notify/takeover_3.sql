-- A ledger of version 3, of which no record left yet: each incident is said with the next ticks.
BEGIN IMMEDIATE;
ALTER TABLE incident ADD COLUMN said BLOB;
ALTER TABLE incident ADD COLUMN handling BLOB;
ALTER TABLE finding ADD COLUMN silence TEXT;
ALTER TABLE held ADD COLUMN before BLOB;
ALTER TABLE told ADD COLUMN sent_state BLOB;
ALTER TABLE outbox ADD COLUMN after BLOB;
UPDATE told SET sent_state = state WHERE sent_ms IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM outbox WHERE outbox.incident_id = told.incident_id
    AND outbox.destination = told.destination);
UPDATE incident SET due_ms = 0;
CREATE TABLE rebuilt (stage TEXT NOT NULL);
INSERT INTO rebuilt VALUES ('done');
PRAGMA user_version = 4;
COMMIT;
