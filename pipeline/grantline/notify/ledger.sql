-- What `grantline alert` has read, decided and told. One file, one process, one transaction a step.
-- Times named *_ms are milliseconds since the epoch.

CREATE TABLE IF NOT EXISTS position (
    topic        TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL,  -- everything before it has been taken in
    PRIMARY KEY (topic, part)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS finding (
    id          TEXT    PRIMARY KEY,
    revision    INTEGER NOT NULL,  -- the highest taken in
    touched_ms  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS finding_by_age ON finding (touched_ms);

-- The newest state of each finding in a backlog that is still being read: not decided on yet.
CREATE TABLE IF NOT EXISTS held (
    finding_id  TEXT    PRIMARY KEY,
    part        INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    body        BLOB    NOT NULL
);

CREATE INDEX IF NOT EXISTS held_by_part ON held (part);

-- What each destination was told last: decided (and put into the outbox), and in fact taken.
CREATE TABLE IF NOT EXISTS told (
    finding_id   TEXT    NOT NULL,
    destination  TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    severity     TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    sent_status  TEXT,              -- NULL until the destination has taken anything
    sent_ms      INTEGER,
    PRIMARY KEY (finding_id, destination)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outbox (
    seq          INTEGER PRIMARY KEY,
    destination  TEXT    NOT NULL,
    finding_id   TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    body         BLOB    NOT NULL,  -- the finding as JSON, as it was read
    attempts     INTEGER NOT NULL DEFAULT 0,
    due          REAL    NOT NULL DEFAULT 0,  -- monotonic seconds of this process; 0 is now
    since_ms     INTEGER NOT NULL,
    refused      TEXT,              -- why it was set aside: a dead letter; NULL while it waits
    refused_ms   INTEGER,
    UNIQUE (destination, finding_id, revision)
);

CREATE INDEX IF NOT EXISTS outbox_by_due ON outbox (destination, due, seq);
