//! A ledger of many rows, made by the database itself: campaigns that were sent, their messages and their counts.
//!
//! **Invariant:** counts are those of the rows.

use rusqlite::{Connection, params};
use std::path::Path;

/// How the file is written: it is thrown away if that is cut short.
const SETTINGS: &str = "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; \
    PRAGMA cache_size = -262144; PRAGMA foreign_keys = OFF;";
/// Back to how the service wants it.
const DONE: &str = "PRAGMA journal_mode = WAL;";

/// A copy of the draft that was seeded, with its revision and its step; and the ids of the next one.
const DRAFT: [&str; 4] = [
    "CREATE TEMP TABLE copy_of AS SELECT * FROM campaign ORDER BY id LIMIT 1",
    "CREATE TEMP TABLE copy_of_revision AS SELECT * FROM campaign_revision ORDER BY id LIMIT 1",
    "CREATE TEMP TABLE copy_of_step AS SELECT * FROM campaign_step ORDER BY id LIMIT 1",
    "CREATE TEMP TABLE next (campaign BLOB, revision BLOB, step BLOB, number INTEGER)",
];
const NEXT: &str = "INSERT INTO next VALUES (?1, ?2, ?3, ?4)";
const COPY: [&str; 7] = [
    "UPDATE copy_of SET id = next.campaign, revision_id = next.revision, status = 'sent', \
     name = 'Sale ' || next.number, created_at = created_at + 1 FROM next",
    "UPDATE copy_of_revision SET id = next.revision, campaign_id = next.campaign FROM next",
    "UPDATE copy_of_step SET id = next.step, revision_id = next.revision FROM next",
    "DELETE FROM next",
    "INSERT INTO campaign SELECT * FROM copy_of",
    "INSERT INTO campaign_revision SELECT * FROM copy_of_revision",
    "INSERT INTO campaign_step SELECT * FROM copy_of_step",
];

/// So many messages of a campaign, over ten time zones: one in twenty was skipped, one undelivered, the rest
/// delivered. Ids and numbers grow, as they do where a campaign is planned by id.
const MESSAGES: &str = "INSERT INTO message (id, site_id, campaign_id, step_id, step_position, \
    subscriber_id, phone, time_zone, state, reason, due_at, fence, attempt_count, segments, \
    accepted_at, delivered_at, updated_at, reserved, evaluated_at) \
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?3) \
    SELECT unhex(printf('%032x', ?4 + i)), (SELECT site_id FROM copy_of), ?1, ?2, 0, \
    unhex(printf('%032x', ?4 + i)), printf('+1%010d', 2000000000 + ?4 + i), \
    CASE i % 10 WHEN 0 THEN 'America/Puerto_Rico' WHEN 1 THEN 'America/New_York' \
    WHEN 2 THEN 'America/Detroit' WHEN 3 THEN 'America/Indiana/Indianapolis' \
    WHEN 4 THEN 'America/Chicago' WHEN 5 THEN 'America/Denver' WHEN 6 THEN 'America/Phoenix' \
    WHEN 7 THEN 'America/Los_Angeles' WHEN 8 THEN 'America/Anchorage' ELSE 'Pacific/Honolulu' END, \
    CASE i / 10 % 20 WHEN 0 THEN 'skipped' WHEN 1 THEN 'undelivered' ELSE 'delivered' END, \
    CASE i / 10 % 20 WHEN 0 THEN 'smart_sending' END, \
    1, 1, 1, 1, 1, 1, 1, 0, 1 FROM n";
const COUNTS: &str = "INSERT INTO message_count (campaign_id, step_id, time_zone, state, reason, \
    site_id, count) SELECT campaign_id, step_id, time_zone, state, coalesce(reason, ''), site_id, \
    count(*) FROM message WHERE campaign_id = ?1 GROUP BY 1, 2, 3, 4, 5, 6";
const PROGRESS: &str = "INSERT INTO campaign_progress (campaign_id, site_id, version, \
    recipient_count, processing_at, planned_at, started_at, handed_over_at) \
    SELECT ?1, site_id, 1, ?2, 1, 1, 1, 1 FROM copy_of";

/// Adds so many campaigns that share so many messages to the database in `file`.
pub(super) fn fill(file: &Path, campaigns: u32, rows: i64) -> rusqlite::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch(SETTINGS)?;
    for statement in DRAFT {
        connection.execute(statement, [])?;
    }
    let each = rows / i64::from(campaigns.max(1));
    for number in 0..campaigns {
        let txn = connection.transaction()?;
        let id = |kind| {
            let id = uuid::Uuid::from_fields(kind, 0, 0, &u64::from(number).to_be_bytes());
            id.into_bytes().to_vec()
        };
        let (campaign, revision, step) = (id(1), id(2), id(3));
        txn.execute(NEXT, params![campaign, revision, step, number])?;
        for statement in COPY {
            txn.execute(statement, [])?;
        }
        txn.execute(MESSAGES, params![campaign, step, each, i64::from(number) * each])?;
        txn.execute(COUNTS, params![campaign])?;
        txn.execute(PROGRESS, params![campaign, each])?;
        txn.commit()?;
    }
    connection.execute_batch(DONE)
}
