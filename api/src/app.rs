//! Putting the process together: the only file that names adapters.
//!
//! **Invariant:** what production and the harness run is assembled here, in one way.

use crate::{
    aggregators::{Generic, Unusable},
    config::{Config, ConfigError},
    db::{self, Db},
    engine::{self, Driver, Engine},
    graphql,
    http::{
        self,
        graphql::{Options, Track},
    },
    ports::{Aggregator, Bells, Clock, Hints, Ids},
    service::{Fault, Service},
};
use poem::{
    EndpointExt as _, IntoEndpoint as _, Server, endpoint::BoxEndpoint, listener::TcpAcceptor,
};
use secrecy::ExposeSecret;
use std::{future::Future, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// Why the process does not start: one line each, with what led to it as its source.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not make sense.
    #[error("the configuration is not valid")]
    Config(#[from] ConfigError),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot write to the data directory {}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open the database (is it running, and are its address and password right?)")]
    Database(#[source] db::Error),
    /// The schema is older than this version.
    #[error("the database is {0} schema steps behind this version: run `sendoff admin migrate`")]
    SchemaBehind(usize),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nobody to hand messages to.
    #[error("no aggregator is set up: run `sendoff admin connection set`")]
    NoAggregator,
    /// The development world's key would be a way in.
    #[error("the database holds the development world's key: production refuses to start with it")]
    DevelopmentKey,
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] Unusable),
    /// The database was asked and did not answer.
    #[error(transparent)]
    Service(#[from] Fault),
    /// The engine could not settle what a crash left behind.
    #[error(transparent)]
    Engine(#[from] engine::Fault),
    /// Serving ended with an error.
    #[error("the server stopped")]
    Serve(#[source] io::Error),
}

/// How long sockets are given to close after they were told to.
const SOCKETS_GRACE: Duration = Duration::from_secs(5);

/// How the process works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engine's part.
    pub engine: engine::Settings,
    /// Web origins whose pages may open a socket.
    pub allowed_origins: Vec<String>,
    /// How long requests in flight are given at a shutdown.
    pub shutdown_grace: Duration,
}

impl Settings {
    /// What `config` says, for a service reached at `public_url`.
    pub fn new(config: &Config, public_url: String) -> Self {
        let engine = &config.engine;
        Self {
            engine: engine::Settings {
                max_in_flight: engine.max_in_flight.into(),
                claim_batch_max: engine.claim_batch_max.into(),
                plan_batch_max: engine.plan_batch_max.into(),
                receipt_batch_max: engine.receipt_batch_max.into(),
                period: engine.period,
                lease: engine.lease,
                submit_timeout: engine.submit_timeout,
                max_lateness: engine.max_lateness,
                dispatch_grace: engine.dispatch_grace,
                validity_pad: engine.validity_pad,
                public_url,
                node: format!("node-{}", std::process::id()),
            },
            allowed_origins: config.server.allowed_origins.clone(),
            shutdown_grace: config.server.shutdown_grace,
        }
    }
}

/// The process: a service, its engine, and what answers over HTTP.
pub struct App {
    service: Service,
    engine: Arc<Engine>,
    endpoint: Arc<BoxEndpoint<'static>>,
    sockets: http::graphql::Sockets,
    shutdown: watch::Sender<bool>,
    settings: Settings,
}

impl App {
    /// Puts the process together; nothing runs yet.
    pub fn new(db: Db, clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, StartError> {
        use_one_tls_provider();
        let aggregator: Arc<dyn Aggregator> = Arc::new(Generic::new()?);
        let ids = Arc::new(Ids::new(Arc::clone(&clock)));
        let (bells, hints) = (Bells::default(), Hints::default());
        let service = Service::new(
            db.clone(),
            Arc::clone(&clock),
            Arc::clone(&ids),
            bells.clone(),
            hints.clone(),
            Arc::clone(&aggregator),
        );
        let engine = Engine::new(db, clock, ids, bells, hints, aggregator, settings.engine.clone());
        let shutdown = watch::Sender::new(false);
        let options =
            Options { allowed_origins: settings.allowed_origins.clone(), ..Options::default() };
        let schema = graphql::builder(service.clone()).extension(Track).finish();
        let (routes, sockets) = http::routes(&service, schema, options, shutdown.subscribe());
        let endpoint = Arc::new(routes.into_endpoint().map_to_response().boxed());
        Ok(Self { service, engine: Arc::new(engine), endpoint, sockets, shutdown, settings })
    }

    /// What callers do.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What time does.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Serves HTTP on `listener` and drives the engine, until `stop`; then finishes what is in flight.
    pub async fn run(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        self.engine.recover().await?;
        let driver = Driver::start(&self.engine, &self.shutdown.subscribe());
        let served = self.serve(listener, stop).await;
        driver.finished().await;
        served
    }

    /// Serves HTTP on `listener` until `stop`; the engine is whoever else's to drive.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        let acceptor = TcpAcceptor::from_tokio(listener).map_err(StartError::Serve)?;
        let stopping = async {
            stop.await;
            self.shutdown.send_replace(true);
        };
        let served = Server::new_with_acceptor(acceptor)
            .run_with_graceful_shutdown(
                Arc::clone(&self.endpoint),
                stopping,
                Some(self.settings.shutdown_grace),
            )
            .await;
        self.shutdown.send_replace(true);
        if timeout(SOCKETS_GRACE, self.sockets.drained()).await.is_err() {
            tracing::warn!(open = self.sockets.open(), "some sockets did not close in time");
        }
        served.map_err(StartError::Serve)
    }
}

/// sqlx and reqwest share ring: a second provider would be a second implementation to trust.
fn use_one_tls_provider() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Opens the database that `config` names, its directory made if there is none.
pub async fn open_database(config: &Config) -> Result<Db, StartError> {
    let url = match &config.database.url {
        Some(url) => url.expose_secret().to_owned(),
        None => sqlite_url(config)?,
    };
    let options = db::Options {
        url,
        reader_connections: config.database.reader_connections.into(),
        max_connections: config.database.max_connections.into(),
    };
    Db::open(&options).await.map_err(StartError::Database)
}

/// The file of the SQLite database.
const SQLITE_FILE: &str = "sendoff.db";

fn sqlite_url(config: &Config) -> Result<String, StartError> {
    let dir = &config.database.data_dir;
    let path = dir.join(SQLITE_FILE);
    prepare(dir, &path).map_err(|source| StartError::DataDir { path: dir.clone(), source })?;
    Ok(format!("sqlite://{}?mode=rwc", path.display()))
}

/// Makes the directory and the file, which only its owner may read: it holds phone numbers and tokens.
fn prepare(dir: &std::path::Path, file: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// Listens on the configured address.
pub async fn listen(config: &Config) -> Result<TcpListener, StartError> {
    let address = config.server.listen;
    let listening = TcpListener::bind(address).await;
    listening.map_err(|source| StartError::Listen { address, source })
}

/// Completes when the process is asked to stop: Ctrl-C, or a termination signal.
pub async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if let Err(error) = interrupt.await {
        tracing::error!(%error, "signals cannot be heard");
    }
}
