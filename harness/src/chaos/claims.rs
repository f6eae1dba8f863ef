//! When hand-overs were claimed: the service tells nobody, so its database is asked.

use super::Error;
use crate::record::{Claim, Fact, Recorder};
use api::db::Db;
use domain::id::AttemptId;
use entity::attempt;
use sea_orm::{EntityTrait as _, QuerySelect as _};
use uuid::Uuid;

/// Records when each hand-over was written ahead.
pub(super) async fn record(db: &Db, recorder: &Recorder) -> Result<(), Error> {
    let rows: Vec<(Uuid, i64)> = attempt::Entity::find()
        .select_only()
        .columns([attempt::Column::Id, attempt::Column::StartedAt])
        .into_tuple()
        .all(db.read())
        .await?;
    for (id, claimed_ms) in rows {
        let reference = AttemptId(id).to_string();
        recorder.record(Fact::Claimed(Claim { reference, claimed_ms }));
    }
    Ok(())
}
