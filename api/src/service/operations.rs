//! What those who run the service ask: is it ready, what waits, how do the reconcilers do.
//!
//! **Invariant:** an answer comes in time, whatever state the database is in.
//! **Invariant:** nothing here tells anything of a site.

use super::{Fault, Service};
use crate::ports::Task;
use crate::vitals::{FaultCode, Standing, TableFigures, Trouble};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long the database has to answer whoever asks how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the service is not ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The database is in trouble.
    Database(FaultCode),
    /// The schema is so many steps behind this version.
    SchemaBehind(usize),
    /// A reconciler needs looking after.
    Reconciler(Trouble),
}

/// What one look at the database came to: how many steps its schema is behind.
type Probed = Result<usize, FaultCode>;

impl Service {
    /// Why the service is not ready; nothing when it is.
    pub async fn readiness(&self) -> Vec<Unready> {
        let mut causes = Vec::new();
        match self.probe().await {
            Ok(0) => {}
            Ok(behind) => causes.push(Unready::SchemaBehind(behind)),
            Err(code) => causes.push(Unready::Database(code)),
        }
        let troubles = self.vitals.reconcilers().troubles(self.clock.lease_now());
        causes.extend(troubles.into_iter().map(Unready::Reconciler));
        causes
    }

    /// Looks at the database, one look at a time. One that hangs goes on after its asker was answered: it
    /// holds a connection, and a second would hold another.
    async fn probe(&self) -> Probed {
        let look = async {
            let turn = Arc::clone(&self.probing).lock_owned().await;
            let db = self.db.clone();
            let looking = tokio::spawn(async move {
                let _turn = turn;
                db.probe().await?;
                let schema = db.schema().await.map_err(|error| error.code())?;
                Ok(schema.behind)
            });
            looking.await.unwrap_or(Err(FaultCode::Panicked))
        };
        let late = if self.db.is_sqlite() {
            FaultCode::DatabaseLocked
        } else {
            FaultCode::DatabaseUnreachable
        };
        timeout(PATIENCE, look).await.unwrap_or(Err(late))
    }

    /// What waits right now, over all sites; none when the database does not answer in time.
    pub async fn table_figures(&self) -> Result<Option<TableFigures>, Fault> {
        let _turn = self.vitals.scrape_turn().await;
        match timeout(PATIENCE, self.db.figures(self.clock.now())).await {
            Ok(figures) => Ok(Some(figures?)),
            Err(_late) => Ok(None),
        }
    }

    /// Whether the engine is at work in this process, and how each of its reconcilers did.
    pub fn engine_standing(&self) -> (bool, Vec<(Task, Standing)>) {
        let reconcilers = self.vitals.reconcilers();
        (reconcilers.are_driven(), reconcilers.standings())
    }
}
