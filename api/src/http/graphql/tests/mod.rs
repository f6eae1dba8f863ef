//! The transports on a real listener, with a toy schema behind them.
mod client;
mod documents;
mod http;
mod lifetime;
mod limits;
mod protocol;
mod single;
mod stalled;
mod streams;

use super::{Costs, GraphqlEndpoint, Limits, Options, Sockets, Tracked};
use crate::http::{
    auth::{AuthRefusal, Authenticator},
    patience::Patient,
};
use async_graphql::{Context, Error, ErrorExtensions, Object, Result, Schema, Subscription};
use futures_util::{Stream, StreamExt, stream};
use poem::{
    Route, Server,
    listener::{Acceptor, Listener, TcpListener},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};
use tokio::sync::watch;
use uuid::Uuid;

/// What the toy's resolvers do, seen from a test.
struct World {
    /// The names that mutations gave, in order.
    renames: watch::Sender<Vec<String>>,
    /// What `ticks` shows; a negative value ends it. Its receivers are the open subscriptions.
    ticks: watch::Sender<i32>,
    /// How many events `flood` has made.
    flooded: watch::Sender<usize>,
    /// Whether the token "good" was revoked.
    revoked: AtomicBool,
    /// How often a token was checked.
    checks: AtomicU32,
    /// What the token "good" reaches.
    reach: AtomicU32,
    /// Held by a test that wants the authenticator to wait.
    gate: Mutex<Option<watch::Receiver<bool>>>,
}

#[derive(Clone)]
struct Caller {
    name: String,
    reach: u32,
}

struct Keys(Arc<World>);

#[async_trait::async_trait]
impl Authenticator for Keys {
    type Caller = Caller;

    async fn authenticate(&self, bearer: Option<&str>) -> Result<Caller, AuthRefusal> {
        self.0.checks.fetch_add(1, Ordering::SeqCst);
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(mut gate) = gate {
            gate.wait_for(|open| *open).await.unwrap();
        }
        match bearer {
            None => Err(AuthRefusal::Missing),
            Some("good") if !self.0.revoked.load(Ordering::SeqCst) => {
                let reach = self.0.reach.load(Ordering::SeqCst);
                Ok(Caller { name: "good".to_owned(), reach })
            }
            Some("other") => Ok(Caller { name: "other".to_owned(), reach: 1 }),
            Some("down") => Err(AuthRefusal::Unavailable),
            Some("panic") => panic!("the authenticator panics"),
            Some(_) => Err(AuthRefusal::Invalid),
        }
    }

    fn account(&self, caller: &Caller) -> Uuid {
        Uuid::from_u128(if caller.name == "good" { 1 } else { 2 })
    }

    fn same(&self, before: &Caller, now: &Caller) -> bool {
        before.reach == now.reach
    }
}

struct Query;

#[expect(clippy::unused_async, reason = "the macro wants resolvers to be async")]
#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }

    async fn who(&self, ctx: &Context<'_>) -> String {
        ctx.data_unchecked::<Caller>().name.clone()
    }

    async fn echo(&self, n: i32) -> i32 {
        n
    }

    /// A non-null field that fails with a code of its own.
    async fn broken(&self) -> Result<i32> {
        Err(Error::new("It is broken.").extend_with(|_, e| e.set("code", "BROKEN")))
    }

    /// A non-null field that fails with whatever came from inside.
    async fn leaky(&self) -> Result<i32> {
        Err(std::io::Error::other("disk 7 of db-3 is gone"))?
    }

    /// Never answers.
    async fn stuck(&self) -> i32 {
        std::future::pending().await
    }

    async fn shops(&self, first: Option<i32>) -> Shops {
        let _ = first;
        Shops
    }

    async fn defect(&self) -> i32 {
        [0; 0].iter().max().copied().expect("the resolver panics")
    }
}

/// A connection, so that something has a cost.
struct Shops;

#[Object]
impl Shops {
    async fn nodes(&self) -> Vec<Self> {
        Vec::new()
    }

    async fn total(&self) -> i32 {
        0
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn rename(&self, ctx: &Context<'_>, name: String) -> String {
        let world = ctx.data_unchecked::<Arc<World>>();
        world.renames.send_modify(|renames| renames.push(name.clone()));
        name
    }
}

struct Events;

#[expect(clippy::unused_async, reason = "the macro wants resolvers to be async")]
#[Subscription]
impl Events {
    /// The present value at once, then each change.
    async fn ticks(&self, ctx: &Context<'_>) -> impl Stream<Item = i32> + use<> {
        let mut receiver = ctx.data_unchecked::<Arc<World>>().ticks.subscribe();
        receiver.mark_changed();
        stream::unfold(receiver, |mut receiver| async move {
            receiver.changed().await.ok()?;
            let value = *receiver.borrow_and_update();
            (value >= 0).then_some((value, receiver))
        })
    }

    async fn forever(&self) -> impl Stream<Item = i32> + use<> {
        stream::pending()
    }

    /// Fails on its second event, and goes on.
    async fn failing(&self) -> impl Stream<Item = Result<i32>> + use<> {
        let broken = || Error::new("It is broken.").extend_with(|_, e| e.set("code", "BROKEN"));
        stream::iter([Ok(1), Err(broken()), Ok(3)])
    }

    /// Does not start.
    async fn refused(&self) -> Result<stream::Pending<i32>> {
        Err(Error::new("Not for you.").extend_with(|_, e| e.set("code", "FORBIDDEN")))
    }

    async fn panicking(&self) -> impl Stream<Item = i32> + use<> {
        stream::iter([1, 2]).map(|n| if n == 2 { panic!("the stream panics") } else { n })
    }

    /// Makes events of 256 KiB as fast as they are taken.
    async fn flood(&self, ctx: &Context<'_>) -> impl Stream<Item = String> + use<> {
        let world = Arc::clone(ctx.data_unchecked::<Arc<World>>());
        stream::repeat_with(move || {
            world.flooded.send_modify(|n| *n += 1);
            "x".repeat(256 * 1024)
        })
    }
}

/// A running endpoint.
struct Toy {
    world: Arc<World>,
    address: SocketAddr,
    shutdown: watch::Sender<bool>,
    sockets: Sockets,
}

impl Toy {
    /// With the default options.
    async fn start() -> Self {
        Self::with(Options::default()).await
    }

    async fn limited(change: impl FnOnce(&mut Limits)) -> Self {
        let mut options = Options::default();
        change(&mut options.limits);
        Self::with(options).await
    }

    async fn with(options: Options) -> Self {
        let world = Arc::new(World {
            renames: watch::Sender::default(),
            ticks: watch::Sender::default(),
            flooded: watch::Sender::default(),
            revoked: AtomicBool::new(false),
            checks: AtomicU32::new(0),
            reach: AtomicU32::new(1),
            gate: Mutex::new(None),
        });
        let build = || Schema::build(Query, Mutation, Events).data(Arc::clone(&world));
        let schema = Tracked::of(build);
        let (shutdown, told) = watch::channel(false);
        let limits = (options.limits.write_timeout, options.limits.head_timeout);
        let costs = Costs::of(&build().finish().sdl()).unwrap();
        let keys = Keys(Arc::clone(&world));
        let endpoint = GraphqlEndpoint::new(schema, costs, keys, options, told);
        let sockets = endpoint.sockets();
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
        let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
        let server = Server::new_with_acceptor(Patient::new(acceptor, limits.0, limits.1));
        tokio::spawn(server.run(Route::new().at("/graphql", endpoint)));
        Self { world, address, shutdown, sockets }
    }
}
