-- What `grantline alert` has read, decided and told. One file, one process, one transaction a step.
-- Times named *_ms are milliseconds since the epoch.

CREATE TABLE IF NOT EXISTS beginning (
    born_ms      INTEGER NOT NULL   -- what was stamped before it is known, and told to nobody
);

CREATE TABLE IF NOT EXISTS position (
    topic        TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL,  -- everything before it has been taken in
    PRIMARY KEY (topic, part)
) WITHOUT ROWID;

-- Positions are of this topic: one of the same name that was made later has another id.
CREATE TABLE IF NOT EXISTS topic (
    name         TEXT    PRIMARY KEY,
    id           TEXT    NOT NULL
) WITHOUT ROWID;

-- Of a ledger that an earlier release kept by finding: what that one had taken in, which is read
-- again to learn its incidents, and known; except what it had not been able to tell.
CREATE TABLE IF NOT EXISTS known_before (
    topic        TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL,
    PRIMARY KEY (topic, part)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS untold (
    finding_id   TEXT    PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS finding (
    id           TEXT    PRIMARY KEY,
    incident_id  TEXT    NOT NULL,
    member       BLOB    NOT NULL,  -- `alerts.member.Member`, MessagePack
    body         BLOB,              -- as it was read, UTF-8 JSON
    touched_ms   INTEGER NOT NULL,
    silence      TEXT               -- the silence that it is under
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS finding_by_age ON finding (touched_ms);
CREATE INDEX IF NOT EXISTS finding_by_incident ON finding (incident_id);
CREATE INDEX IF NOT EXISTS finding_by_silence ON finding (silence) WHERE silence IS NOT NULL;

-- The tokens of findings that explain others, or may be explained.
CREATE TABLE IF NOT EXISTS token (
    fingerprint  TEXT    NOT NULL,
    finding_id   TEXT    NOT NULL,
    PRIMARY KEY (fingerprint, finding_id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS token_by_finding ON token (finding_id);

CREATE TABLE IF NOT EXISTS incident (
    id           TEXT    PRIMARY KEY,
    kind         TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    episode      INTEGER NOT NULL DEFAULT 0,
    revision     INTEGER NOT NULL DEFAULT -1,  -- of its last change
    members      INTEGER NOT NULL DEFAULT 0,
    uses         INTEGER NOT NULL DEFAULT 0,
    lead         TEXT,                         -- the finding that it is about
    changed_ms   INTEGER NOT NULL DEFAULT 0,   -- when something of it came in last
    due_ms       INTEGER,                      -- when time alone gives something to say
    said         BLOB,                         -- digest of its last record
    handling     BLOB                          -- `alerts.handling.Handling`, MessagePack
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS incident_by_due ON incident (due_ms) WHERE due_ms IS NOT NULL;

-- The newest state of each finding in a backlog that is still being read: not decided on yet.
CREATE TABLE IF NOT EXISTS held (
    finding_id   TEXT    PRIMARY KEY,
    part         INTEGER NOT NULL,
    revision     INTEGER NOT NULL,
    old          INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    before       BLOB               -- the last state from before the ledger began, if this is of after it
);

CREATE INDEX IF NOT EXISTS held_by_part ON held (part);

-- What each destination was told last: decided (and put into the outbox), and in fact taken.
CREATE TABLE IF NOT EXISTS told (
    incident_id  TEXT    NOT NULL,
    destination  TEXT    NOT NULL,
    state        BLOB    NOT NULL,  -- `alerts.decide.Told`, MessagePack
    revision     INTEGER NOT NULL,
    sent_event   TEXT,              -- NULL until the destination has taken anything
    sent_ms      INTEGER,
    sent_state   BLOB,              -- what it was told by what it has taken last
    PRIMARY KEY (incident_id, destination)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS outbox (
    seq          INTEGER PRIMARY KEY,
    destination  TEXT    NOT NULL,
    incident_id  TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    event        TEXT    NOT NULL,
    body         BLOB    NOT NULL,  -- `alerts.page.Page` as JSON
    before       BLOB,              -- what the destination had been told before, MessagePack
    after        BLOB,              -- and what it will have been told
    attempts     INTEGER NOT NULL DEFAULT 0,
    due          REAL    NOT NULL DEFAULT 0,  -- monotonic seconds of this process; 0 is now
    since_ms     INTEGER NOT NULL,
    refused      TEXT,              -- why it was set aside: a dead letter; NULL while it waits
    refused_ms   INTEGER,
    UNIQUE (destination, incident_id, revision)
);

CREATE INDEX IF NOT EXISTS outbox_by_due ON outbox (destination, due, seq);
CREATE INDEX IF NOT EXISTS outbox_by_incident ON outbox (incident_id);

-- What a destination has to remember of an episode, such as Slack's id of the message to edit.
CREATE TABLE IF NOT EXISTS remembered (
    destination  TEXT    NOT NULL,
    key          TEXT    NOT NULL,  -- incident and episode
    value        TEXT    NOT NULL,
    kept_ms      INTEGER NOT NULL,
    PRIMARY KEY (destination, key)
) WITHOUT ROWID;

-- Records that a topic of ours does not have yet, in the order in which they must leave.
CREATE TABLE IF NOT EXISTS leaving (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice: a sender goes by it
    stream       TEXT    NOT NULL,  -- incidents or actions
    key          TEXT    NOT NULL,
    alike        TEXT    NOT NULL,  -- what it says in short: the next of the same replaces it
    body         BLOB    NOT NULL
);

CREATE INDEX IF NOT EXISTS leaving_by_key ON leaving (stream, key, seq);

-- Silences that hold.
CREATE TABLE IF NOT EXISTS silence (
    id           TEXT    PRIMARY KEY,
    until_ms     INTEGER NOT NULL,
    body         BLOB    NOT NULL   -- `alerts.silence.Silence`, MessagePack
) WITHOUT ROWID;

-- What people did, so that each is taken once.
CREATE TABLE IF NOT EXISTS action (
    id           TEXT    PRIMARY KEY,
    state        TEXT    NOT NULL,  -- taken or refused
    taken_ms     INTEGER NOT NULL
) WITHOUT ROWID;

-- Records of the actions topic that are no actions: dead letters by their place.
CREATE TABLE IF NOT EXISTS spoiled (
    topic        TEXT    NOT NULL,
    part         INTEGER NOT NULL,
    place        INTEGER NOT NULL,
    why          TEXT    NOT NULL,
    met_ms       INTEGER NOT NULL,
    PRIMARY KEY (topic, part, place)
) WITHOUT ROWID;

-- How far a new ledger was made anew from the topics: read, done. No row: not at all.
CREATE TABLE IF NOT EXISTS rebuilt (
    stage        TEXT    NOT NULL
);
