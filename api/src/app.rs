//! Putting the process together: the only file that names adapters.
//!
//! **Invariant:** what production and the harness run is assembled here, in one way.

mod data;
mod error;

pub use data::{DataLock, be_present, lock_data, open_database};
pub use error::StartError;

use crate::{
    aggregators::Generic,
    config::{ApiConfig, Config, Introspection, JwtConfig, ServerRole},
    db::{self, Db},
    direct::{self, Direct},
    engine::{self, Driver, Engine},
    graphql, hex,
    http::{
        self,
        graphql::{Costs, Limits, Options, Rate, Tracked, Trusted},
        patience::Patient,
    },
    ports::{Aggregator, Bells, Clock, Hints, Ids, Outlet, StatusPages},
    relay::Relay,
    service::Service,
    status_pages::Statuspage,
    tokens::{self, Tokens},
    vitals::Vitals,
};
use poem::{
    EndpointExt as _, IntoEndpoint as _, Server, endpoint::BoxEndpoint, listener::TcpAcceptor,
};
use rand::Rng as _;
use secrecy::SecretString;
use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// How long sockets are given to close after they were told to.
const SOCKETS_GRACE: Duration = Duration::from_secs(5);

/// How the process works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engine's part.
    pub engine: engine::Settings,
    /// Web origins whose pages may open a socket.
    pub allowed_origins: Vec<String>,
    /// The bounds of the API.
    pub limits: Limits,
    /// The manifest of the only documents that run; any, without it.
    pub trusted_documents: Option<PathBuf>,
    /// Whether callers may ask for the schema.
    pub introspection: bool,
    /// Whose signed tokens open the API beside API keys.
    pub tokens: Option<tokens::Settings>,
    /// How long it is kept who did what.
    pub audit_retention: Duration,
    /// How long requests in flight are given at a shutdown.
    pub shutdown_grace: Duration,
    /// What the process is for.
    pub role: ServerRole,
    /// The bearer token that opens the metrics; nobody may read them without one.
    pub metrics_token: Option<SecretString>,
}

impl Settings {
    /// What `config` says, for a service reached at `public_url`.
    pub fn new(config: &Config, public_url: String) -> Self {
        let engine = &config.engine;
        Self {
            engine: engine::Settings {
                max_in_flight: engine.max_in_flight.into(),
                max_in_flight_per_connection: engine.in_flight_of_one(),
                claim_batch_max: engine.claim_batch_max.into(),
                plan_batch_max: engine.plan_batch_max.into(),
                receipt_batch_max: engine.receipt_batch_max.into(),
                period: engine.period,
                lease: engine.lease,
                submit_timeout: engine.submit_timeout,
                max_lateness: engine.max_lateness,
                dispatch_grace: engine.dispatch_grace,
                validity_pad: engine.validity_pad,
                unconfirmed_after: engine.unconfirmed_after,
                status_page_period: engine.status_page_period,
                public_url,
                node: node(config.server.listen.port()),
            },
            allowed_origins: config.server.allowed_origins.clone(),
            limits: limits(&config.api),
            trusted_documents: config.api.trusted_documents.clone(),
            introspection: config.api.introspection == Introspection::On,
            tokens: signed_tokens(&config.jwt),
            audit_retention: config.api.audit_retention,
            shutdown_grace: config.server.shutdown_grace,
            role: config.server.role,
            metrics_token: config.server.metrics_token.clone(),
        }
    }

    /// How texts outside the ledger are handed over: as messages are.
    fn direct(&self) -> direct::Settings {
        let engine = &self.engine;
        direct::Settings {
            lease: engine.lease,
            submit_timeout: engine.submit_timeout,
            dispatch_grace: engine.dispatch_grace,
            public_url: engine.public_url.clone(),
            node: engine.node.clone(),
        }
    }
}

/// The bounds of the API that `config` sets, beside those that nobody does.
fn limits(config: &ApiConfig) -> Limits {
    Limits {
        cost: config.cost_max.into(),
        rate: Rate { per_s: config.rate_per_s.into(), burst: config.rate_burst.into() },
        connections_of_key: config.connections_per_key.into(),
        operations_of_key: config.operations_per_key.into(),
        request_timeout: config.request_timeout,
        ..Limits::default()
    }
}

/// Whose signed tokens are taken, where `config` says so.
fn signed_tokens(config: &JwtConfig) -> Option<tokens::Settings> {
    let JwtConfig { issuer, audience, keys_file } = config.clone();
    Some(tokens::Settings { issuer: issuer?, audience: audience?, keys_file: keys_file? })
}

/// The service that keeps the audit as long as is set and takes such tokens, their keys read.
fn kept_and_taken(service: Service, settings: &Settings) -> Result<Service, StartError> {
    let service = service.with_audit_kept(settings.audit_retention);
    let Some(tokens) = settings.tokens.clone() else { return Ok(service) };
    let path = tokens.keys_file.clone();
    let tokens = Tokens::load(tokens).map_err(|source| StartError::TokenKeys { path, source })?;
    Ok(service.with_tokens(Arc::new(tokens)))
}

/// What the API is told, the documents that it trusts read.
fn options(settings: &Settings) -> Result<Options, StartError> {
    let trusted = match &settings.trusted_documents {
        None => None,
        Some(path) => {
            let unread = |source| StartError::DocumentsFile { path: path.clone(), source };
            let text = std::fs::read_to_string(path).map_err(unread)?;
            let unusable = |source| StartError::Documents { path: path.clone(), source };
            Some(Arc::new(Trusted::parse(&text).map_err(unusable)?))
        }
    };
    let Settings { allowed_origins, limits, introspection, .. } = settings;
    let allowed_origins = allowed_origins.clone();
    Ok(Options { allowed_origins, limits: *limits, trusted, introspection: *introspection })
}

/// The process: a service, its engine, and what answers over HTTP.
pub struct App {
    service: Service,
    engine: Arc<Engine>,
    endpoint: Arc<BoxEndpoint<'static>>,
    sockets: http::graphql::Sockets,
    relay: Relay,
    shutdown: watch::Sender<bool>,
    settings: Settings,
}

impl App {
    /// Puts the process together; nothing runs yet.
    pub fn new(db: Db, clock: Arc<dyn Clock>, settings: Settings) -> Result<Self, StartError> {
        use_one_tls_provider();
        let aggregator = Arc::new(Generic::new()?);
        Self::with_aggregator(db, clock, aggregator, settings)
    }

    /// Puts the process together around another way to reach the aggregator: one that counts, fails or dies,
    /// for those who prove what becomes of messages then.
    pub fn with_aggregator(
        db: Db,
        clock: Arc<dyn Clock>,
        aggregator: Arc<dyn Aggregator>,
        settings: Settings,
    ) -> Result<Self, StartError> {
        use_one_tls_provider();
        let ids = Arc::new(Ids::new(Arc::clone(&clock)));
        let status_pages = Arc::new(Statuspage::new()?);
        let vitals = Vitals::new()?;
        let outside = Outside { aggregator, status_pages, vitals: vitals.clone() };
        let Assembled { service, engine, relay } = assemble(db, clock, ids, outside, &settings);
        let service = kept_and_taken(service, &settings)?;
        let shutdown = watch::Sender::new(false);
        let options = options(&settings)?;
        let schema = Tracked::of(|| graphql::builder(service.clone()));
        let costs = Costs::of(&graphql::sdl())?;
        let open = http::Open {
            api: settings.role.has_api(),
            metrics_token: settings.metrics_token.clone(),
            vitals,
        };
        let (routes, sockets) =
            http::routes(&service, (schema, costs), options, open, shutdown.subscribe());
        let endpoint = Arc::new(routes.into_endpoint().map_to_response().boxed());
        Ok(Self { service, engine, endpoint, sockets, relay, shutdown, settings })
    }

    /// What callers do.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// What time does.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Serves HTTP on `listener` and drives the engine, as the process's role says, until `stop`; then finishes
    /// what is in flight. With a hold on the node's name, its former incarnation is known to be dead.
    pub async fn run(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
        presence: Option<db::Presence>,
    ) -> Result<(), StartError> {
        let mut relaying = self.relay.start(&self.shutdown.subscribe());
        let driver = if self.settings.role.has_engine() {
            self.engine.recover(presence.is_some()).await?;
            Some(Driver::start(&self.engine, &self.shutdown.subscribe()))
        } else {
            None
        };
        let served = self.serve(listener, stop).await;
        if let Some(driver) = driver {
            driver.finished().await;
        }
        while relaying.join_next().await.is_some() {}
        drop(presence);
        served
    }

    /// Serves HTTP on `listener` until `stop`; the engine is whoever else's to drive.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        let served = self.answer(listener, stop).await;
        // However serving ended: the engine and the sockets wait for this word.
        self.shutdown.send_replace(true);
        if timeout(SOCKETS_GRACE, self.sockets.drained()).await.is_err() {
            tracing::warn!(open = self.sockets.open(), "some sockets did not close in time");
        }
        served.map_err(StartError::Serve)
    }

    async fn answer(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let acceptor = TcpAcceptor::from_tokio(listener)?;
        let stopping = async {
            stop.await;
            self.shutdown.send_replace(true);
        };
        let limits = &self.settings.limits;
        Server::new_with_acceptor(Patient::new(acceptor, limits.write_timeout, limits.head_timeout))
            .run_with_graceful_shutdown(
                Arc::clone(&self.endpoint),
                stopping,
                Some(self.settings.shutdown_grace),
            )
            .await
    }
}

/// What a process reaches the outside through, and is seen by.
#[derive(Clone, Debug)]
pub struct Outside {
    /// The aggregator's contract.
    pub aggregator: Arc<dyn Aggregator>,
    /// The reader of status pages.
    pub status_pages: Arc<dyn StatusPages>,
    /// What those who run the process see of it.
    pub vitals: Vitals,
}

/// What a process does.
#[derive(Debug)]
pub struct Assembled {
    /// For its callers.
    pub service: Service,
    /// For time.
    pub engine: Arc<Engine>,
    /// Between the nodes.
    pub relay: Relay,
}

/// Puts together what a process does. Nothing runs yet.
pub fn assemble(
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    outside: Outside,
    settings: &Settings,
) -> Assembled {
    let Outside { aggregator, status_pages, vitals } = outside;
    let (bells, hints, outlet) = (Bells::default(), Hints::default(), Outlet::default());
    // What a caller rings may have to be heard elsewhere: this node may have no engine. What the engine rings is
    // for itself: others find what is left to do by themselves.
    let (all_bells, all_hints) = (bells.shared(&outlet), hints.shared(&outlet));
    let direct = Direct::new(
        db.clone(),
        Arc::clone(&clock),
        Arc::clone(&ids),
        all_bells.clone(),
        aggregator,
        settings.direct(),
    );
    let service = Service::new(
        db.clone(),
        Arc::clone(&clock),
        Arc::clone(&ids),
        all_bells,
        all_hints.clone(),
        direct.clone(),
        vitals.clone(),
    );
    let relay = Relay {
        db: db.clone(),
        outlet,
        bells: bells.clone(),
        hints,
        node: settings.engine.node.clone(),
        vitals: vitals.clone(),
    };
    let outside = engine::Outside { direct, status_pages, vitals };
    let engine = Engine::new(db, clock, ids, bells, all_hints, outside, settings.engine.clone());
    Assembled { service, engine: Arc::new(engine), relay }
}

/// Where Linux tells the name of the machine.
const HOSTNAME_FILE: &str = "/proc/sys/kernel/hostname";
/// Random bytes that tell a process from an earlier one of the same id.
const BOOT_BYTES: usize = 4;

/// This node and its incarnation: the machine, the port it listens on, and a number of this start. What
/// starts again on the same machine and port is the same node.
fn node(port: u16) -> String {
    let name = std::fs::read_to_string(HOSTNAME_FILE).unwrap_or_default();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("node");
    let mut boot = [0_u8; BOOT_BYTES];
    rand::rng().fill_bytes(&mut boot);
    // Where the system chooses the port, nothing but the process tells two of one machine apart.
    let place = if port == 0 { format!("p{}", std::process::id()) } else { port.to_string() };
    format!("{name}:{place}-{}", hex::encode(&boot))
}

/// sqlx and reqwest share ring: a second provider would be a second implementation to trust.
fn use_one_tls_provider() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_is_a_node_of_its_own() {
        let (one, two) = (node(8080), node(8080));
        assert_ne!(one, two);
        let (name, boot) = one.rsplit_once('-').unwrap();
        assert!(boot.len() == 8 && boot.chars().all(|c| c.is_ascii_hexdigit()), "{one}");
        assert!(name.ends_with(":8080"), "{one}");
        assert!(two.starts_with(name), "{two} is the same node");
        assert!(node(0).contains(&format!(":p{}-", std::process::id())));
    }
}
