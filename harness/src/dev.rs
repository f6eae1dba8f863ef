//! The development world: the service on SQLite, a scripted aggregator in real time over real HTTP, and a
//! demo site, in one process that `cargo run` starts.
//!
//! **Invariant:** it is for development: its key is marked so, and production refuses to start with it.

mod key;
mod seed;

use crate::{
    aggregator::{self, Aggregator, front_hyper},
    clock::WallClock,
    scenario::Script,
};
use api::{
    app::{self, App, Settings, StartError},
    causes,
    cli::start_logging,
    config::{Config, DevSites, ServerRole, process_env},
    service::{Fault, admin::SetUpError},
};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::{io::Write as _, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// Why the development world does not start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The service does not.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The service could not be set up.
    #[error(transparent)]
    Service(#[from] Fault),
    /// The demo sites could not be connected.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// The demo data was refused.
    #[error("the demo data was refused: {0}")]
    Refused(String),
    /// The scripted aggregator cannot be set up.
    #[error("the scripted aggregator cannot be set up")]
    Aggregator(#[from] aggregator::Error),
    /// The scripted aggregator cannot listen.
    #[error("the scripted aggregator cannot listen on loopback")]
    AggregatorListen(#[source] std::io::Error),
    /// The key cannot be kept.
    #[error("cannot keep the development key in {}", path.display())]
    Key {
        /// Its file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where the scripted aggregator remembers what it took, in the data directory.
const MEMORY_FILE: &str = "aggregator.jsonl";

/// How the connection to an aggregator is set up.
struct Peer {
    base_url: String,
    token: SecretString,
    webhook_secret: SecretString,
}

/// Runs the development world until it is asked to stop.
pub async fn run() -> Result<(), DevError> {
    let mut config = Config::load(None, process_env()).map_err(StartError::from)?;
    // The development world always uses SQLite, in one process.
    config.database.url = None;
    config.server.role = ServerRole::All;
    start_logging(&config.log);
    // First: a second world at the same address must not even touch the database of the first.
    let listener = app::listen(&config).await?;
    let address = listener.local_addr().map_err(StartError::Serve)?;
    let _lock = app::lock_data(&config)?;
    let db = app::open_database(&config).await?;
    db.migrate().await.map_err(StartError::Database)?;
    let settings = Settings::new(&config, config.server.public_url(address));
    let app = App::new(db, Arc::new(api::wall_clock::WallClock::new()), settings)?;

    let stopped = watch::Sender::new(false);
    let (peer, scripted) = peer(&config, &stopped).await?;
    let reach_all = config.dev.sites == DevSites::All;
    let secret = key::read_or_make(&config.database.data_dir)?;
    seed::seed(app.service(), &peer, &secret, reach_all).await?;

    welcome(address, &config, &peer, secret.expose_secret());
    let outcome = app.run(listener, app::stop_signal(), None).await;
    stopped.send_replace(true);
    for task in scripted {
        if let Err(error) = task.await {
            tracing::warn!(error = causes::line(&error), "the scripted aggregator ended badly");
        }
    }
    outcome?;
    tracing::info!("stopped");
    Ok(())
}

/// The outside aggregator that is configured, or a scripted one of our own.
async fn peer(
    config: &Config,
    stopped: &watch::Sender<bool>,
) -> Result<(Peer, Vec<JoinHandle<()>>), DevError> {
    let outside = &config.aggregator;
    if let (Some(url), Some(token), Some(secret)) =
        (&outside.url, &outside.token, &outside.webhook_secret)
    {
        let peer =
            Peer { base_url: url.clone(), token: token.clone(), webhook_secret: secret.clone() };
        return Ok((peer, Vec::new()));
    }
    let clock = Arc::new(WallClock);
    let start = crate::clock::Now::now(&*clock);
    let settings = aggregator::Settings { id_salt: rand::rng().next_u64(), ..Default::default() };
    let peer_of = |address: SocketAddr, settings: &aggregator::Settings| Peer {
        base_url: format!("http://{address}"),
        token: settings.token.clone().into(),
        webhook_secret: settings.webhook_secret.clone().into(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(DevError::AggregatorListen)?;
    let address = listener.local_addr().map_err(DevError::AggregatorListen)?;
    let peer = peer_of(address, &settings);
    let memory = config.database.data_dir.join(MEMORY_FILE);
    let aggregator = Aggregator::with_memory(settings, Script::plain(0, start), clock, &memory)?;
    let couriers = aggregator.clone();
    let (stop_front, stop_courier) = (stop(stopped), stop(stopped));
    let front = tokio::spawn(front_hyper::serve(listener, aggregator, stop_front));
    let courier = tokio::spawn(async move { couriers.run_in_real_time(stop_courier).await });
    Ok((peer, vec![front, courier]))
}

/// Completes when the world has stopped.
fn stop(stopped: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stopped = stopped.subscribe();
    async move {
        // An error says that the sender is gone, and the world with it.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }
}

/// Tells where everything is.
fn welcome(address: SocketAddr, config: &Config, peer: &Peer, key: &str) {
    let data = config.database.data_dir.display();
    let text = format!(
        "\nSendoff's development world\n\
         \n  GraphQL      http://{address}/graphql   (WebSocket: ws://{address}/graphql)\
         \n  Health       http://{address}/healthz   http://{address}/readyz\
         \n  Aggregator   {}\
         \n  Data         {data}/sendoff.db\
         \n  API key      {key}   (also in {data}/{})\
         \n\n  A first campaign: examples/first-campaign.sh, step by step in README.md. Ctrl-C stops.\n\n",
        peer.base_url,
        key::FILE,
    );
    // A closed terminal is no reason to stop serving.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
