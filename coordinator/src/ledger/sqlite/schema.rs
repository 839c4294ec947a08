//! The tables, and the format that they make.

/// The version of the data folder that this program reads and writes.
pub(super) const FORMAT: i64 = 5;

/// Older versions, and what makes a ledger of each one of the version after it.
pub(super) const UPGRADES: [(i64, &str); 2] = [
    (
        3,
        "ALTER TABLE jobs ADD COLUMN condition TEXT;
         ALTER TABLE jobs ADD COLUMN reductions TEXT;
         ALTER TABLE parts ADD COLUMN numbers BLOB;",
    ),
    (4, "ALTER TABLE jobs ADD COLUMN program BLOB;"),
];

/// The tables of a new ledger.
pub(super) const SCHEMA: &str = "
    CREATE TABLE coordinator (epoch INTEGER NOT NULL);
    INSERT INTO coordinator VALUES (0);
    CREATE TABLE clock (ms INTEGER NOT NULL);
    INSERT INTO clock VALUES (0);
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kernel TEXT NOT NULL,
        parameters TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        chunk_size INTEGER NOT NULL,
        retention TEXT NOT NULL,
        max_retries INTEGER NOT NULL,
        crash_limit INTEGER NOT NULL,
        keep_going INTEGER NOT NULL,
        retain_ms INTEGER,
        state TEXT NOT NULL DEFAULT 'running',
        failure TEXT NOT NULL DEFAULT '',
        submitted_at_ms INTEGER NOT NULL,
        submitted_clock_ms INTEGER NOT NULL,
        ended_at_ms INTEGER,
        ended_clock_ms INTEGER,
        token BLOB UNIQUE,
        shares TEXT NOT NULL DEFAULT '[]',
        results_dropped INTEGER NOT NULL DEFAULT 0,
        condition TEXT,
        reductions TEXT,
        program BLOB
    );
    CREATE TABLE holes (
        job INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        number INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (job, chunk)
    ) WITHOUT ROWID;
    CREATE TABLE parts (
        path TEXT PRIMARY KEY,
        job INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        footer_bytes INTEGER NOT NULL,
        footer_digest INTEGER NOT NULL,
        senders TEXT NOT NULL,
        blocks BLOB NOT NULL,
        numbers BLOB
    ) WITHOUT ROWID;
    CREATE INDEX parts_of_job ON parts (job);
";

/// The name of a ledger, and where its parts lie. Older ledgers of this format do not have it yet.
pub(super) const IDENTITY: &str = "
    CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL, place TEXT NOT NULL);
    INSERT INTO identity (id, place)
        SELECT lower(hex(randomblob(16))), '' WHERE NOT EXISTS (SELECT 1 FROM identity);
";
