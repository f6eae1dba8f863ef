//! `sendoff serve`: production. Nothing is assumed; what is missing is named.

use super::start_logging;
use crate::{
    app::{self, App, Settings, StartError},
    config::Config,
    wall_clock::WallClock,
};
use std::sync::Arc;

/// Runs the service until it is asked to stop.
pub(super) async fn serve(config: &Config) -> Result<(), StartError> {
    start_logging(&config.log);
    let _lock = app::lock_data(config)?;
    let db = app::open_database(config).await?;
    let schema = db.schema().await.map_err(StartError::Database)?;
    if schema.behind > 0 {
        return Err(StartError::SchemaBehind(schema.behind));
    }
    if schema.ahead > 0 {
        let steps = schema.ahead;
        tracing::warn!(steps, "a newer version has brought the schema further");
    }
    let listener = app::listen(config).await?;
    let address = listener.local_addr().map_err(StartError::Serve)?;
    let settings = Settings::new(config, config.server.public_url(address));
    let clock = if db.is_sqlite() {
        WallClock::new()
    } else {
        // Nodes whose clocks differ agree on leases: they keep them in the database's time.
        WallClock::with_lease_time(db.now_ms().await.map_err(StartError::Database)?)
    };
    let name = settings.engine.node.rsplit_once('-').map(|(name, _)| name.to_owned());
    let presence = app::be_present(config, &name.unwrap_or_default()).await?;
    let app = App::new(db, Arc::new(clock), settings)?;
    if app.service().admin_connection_count().await? == 0 {
        return Err(StartError::NoAggregator);
    }
    if app.service().admin_has_development_key().await? {
        return Err(StartError::DevelopmentKey);
    }
    tracing::info!(%address, "serving");
    app.run(listener, app::stop_signal(), presence).await?;
    tracing::info!("stopped");
    Ok(())
}
