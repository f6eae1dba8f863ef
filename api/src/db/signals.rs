//! Words from node to node, by PostgreSQL's LISTEN and NOTIFY.
//!
//! **Invariant:** nothing depends on their arrival: they are lost with the connection that listens.
//! **Invariant:** who listens has a connection of its own, so that none is missing from the pool.

use super::{Db, Result, connect::CONNECT_TIMEOUT};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr, SqlxError, Statement,
    sqlx::postgres::{PgListener, PgPoolOptions},
};
use std::sync::Arc;

/// The channel: each database has its own.
const CHANNEL: &str = "sendoff";

/// Somebody who listens.
pub struct Listener(PgListener);

impl Db {
    /// Says `words` to all who listen, this process included; to nobody on SQLite.
    pub async fn notify(&self, words: &str) -> Result<()> {
        if self.is_sqlite() {
            return Ok(());
        }
        let values = [CHANNEL.into(), words.into()];
        let sql = "SELECT pg_notify($1, $2)";
        let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
        self.writer.execute_raw(statement).await?;
        Ok(())
    }

    /// Listens from now on; nobody speaks on SQLite.
    pub async fn listen(&self) -> Result<Option<Listener>> {
        if self.is_sqlite() {
            return Ok(None);
        }
        let pool = self.writer.get_postgres_connection_pool();
        let options = (*pool.connect_options()).clone().application_name("sendoff listener");
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(CONNECT_TIMEOUT)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options)
            .await
            .map_err(lost)?;
        let mut listener = PgListener::connect_with(&own).await.map_err(lost)?;
        // Whoever lost a connection has missed something, and must know.
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await.map_err(lost)?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// The next words; none when the connection was lost.
    pub async fn next(&mut self) -> Result<Option<String>> {
        let heard = self.0.try_recv().await.map_err(lost)?;
        Ok(heard.map(|heard| heard.payload().to_owned()))
    }
}

fn lost(error: SqlxError) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}
