//! The gate of a campaign: many may plan and claim at once, one may stop it.
//!
//! On PostgreSQL an advisory lock, shared or exclusive, held to the end of the transaction: a lock on the
//! campaign's row starves whoever wants to stop it, and reading the status alone lets late claims slip
//! through. On SQLite `BEGIN IMMEDIATE` already lets one writer in at a time.

use super::{Result, Txn};
use domain::id::CampaignId;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

/// Enters the gate beside others: to plan, to claim, to put a message back.
pub async fn enter(txn: &Txn, campaign: CampaignId) -> Result<()> {
    take(txn, "SELECT pg_advisory_xact_lock_shared($1)", key(campaign)).await
}

/// Closes the gate: whoever is inside leaves first, and nobody enters before the transaction ends.
pub async fn close(txn: &Txn, campaign: CampaignId) -> Result<()> {
    take(txn, "SELECT pg_advisory_xact_lock($1)", key(campaign)).await
}

/// Makes the transaction the only one that plans the campaign: a second node waits, and goes on from where
/// the first left off.
pub async fn plan(txn: &Txn, campaign: CampaignId) -> Result<()> {
    take(txn, "SELECT pg_advisory_xact_lock($1)", key(campaign) ^ PLANNING).await
}

/// Tells the planners' lock of a campaign from its gate.
const PLANNING: u64 = 1;

/// The low half of a version 7 UUID is random: two campaigns share a lock about never, and if they do, one
/// merely waits for the other.
fn key(campaign: CampaignId) -> u64 {
    campaign.0.as_u64_pair().1
}

async fn take(txn: &Txn, sql: &str, key: u64) -> Result<()> {
    if txn.get_database_backend() == DbBackend::Postgres {
        let key = key.cast_signed();
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [key.into()]);
        txn.execute_raw(statement).await?;
    }
    Ok(())
}
