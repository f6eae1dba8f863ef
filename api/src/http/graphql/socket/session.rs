//! The reading side of a socket: its phases, its clocks, and what each message of the client does.
//!
//! **Invariant:** nothing runs before `connection_ack`, and nothing begins under a token that is no
//! longer valid. What runs ends within a check period of its token's being revoked, or reaching
//! other than it did.
use super::{
    Stream,
    farewell::End,
    protocol::{self, Close, Inbound},
    writer::{Outbox, Replies},
};
use crate::http::{
    auth::{AuthRefusal, Authenticator},
    graphql::{
        bound::Bound,
        execute::run_stream,
        lane::Queue,
        limits::{Limits, SILENT_PERIODS},
        narrow::{Receiver, Sender, narrow},
        operations::{Opening, Operations, Unopened, Unstarted},
        quota::Share,
        shared::{Shared, every, told},
        watches::lapse,
    },
};
use async_graphql::{Executor, Request};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Fuse},
    stream::SplitStream,
};
use secrecy::SecretString;
use std::sync::Arc;
use tokio::{sync::watch, time::sleep};
use tokio_tungstenite::tungstenite::{Error as Fault, Message, error::ProtocolError};

/// How far a client has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No `connection_init` yet.
    Fresh,
    /// Its token is being checked.
    Checking,
    /// Acknowledged.
    Ready,
}

/// The state of one socket.
pub(super) struct Session<E: Executor, A: Authenticator> {
    shared: Arc<Shared<E, A>>,
    limits: Limits,
    shutdown: watch::Receiver<bool>,
    phase: Phase,
    token: Option<SecretString>,
    /// Ping periods since the client's last word.
    silent: u32,
    /// The check of the token, while it is under way.
    check: Fuse<BoxFuture<'static, Result<A::Caller, AuthRefusal>>>,
    /// Ends when the token may no longer do what it could; from the acknowledgement on.
    lapsed: Fuse<BoxFuture<'static, ()>>,
    /// The place among the key's, from then on.
    share: Option<Share>,
    refusals: (Sender<AuthRefusal>, Receiver<AuthRefusal>),
    operations: Operations,
    replies: Replies,
    queue: Queue,
}

impl<E: Executor, A: Authenticator> Session<E, A> {
    /// A socket that has just opened.
    pub(super) fn new(
        shared: Arc<Shared<E, A>>,
        token: Option<SecretString>,
        outbox: &Outbox,
    ) -> Self {
        Self {
            limits: shared.options.limits,
            shutdown: shared.shutdown.clone(),
            shared,
            phase: Phase::Fresh,
            token,
            silent: 0,
            check: Fuse::terminated(),
            lapsed: Fuse::terminated(),
            share: None,
            refusals: narrow(1),
            operations: Operations::default(),
            replies: outbox.replies(),
            queue: outbox.queue(),
        }
    }

    /// Serves the client until one side ends the socket.
    pub(super) async fn attend(&mut self, input: &mut SplitStream<Stream>) -> End {
        let init = sleep(self.limits.init_timeout);
        tokio::pin!(init);
        let mut beat = every(self.limits.ping_period);
        loop {
            let step = tokio::select! {
                () = told(&mut self.shutdown) => {
                    Err(Close::new(Close::RESTART, "Service restart").into())
                }
                () = self.replies.closed() => Err(End::Gone),
                () = &mut init, if self.phase == Phase::Fresh => {
                    let reason = "Connection initialisation timeout";
                    Err(Close::new(Close::INIT_TIMEOUT, reason).into())
                }
                _ = beat.tick(), if self.phase == Phase::Ready => self.on_beat(),
                () = &mut self.lapsed => Err(refused(AuthRefusal::Invalid).into()),
                verdict = &mut self.check => self.on_verdict(verdict),
                Some(refusal) = self.refusals.1.recv() => Err(refused(refusal).into()),
                frame = input.next() => self.on_frame(frame),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// A ping period is over.
    fn on_beat(&mut self) -> Result<(), End> {
        if self.silent >= SILENT_PERIODS {
            return Err(Close::new(Close::SILENT, "Terminated").into());
        }
        self.silent = self.silent.saturating_add(1);
        Ok(self.replies.send(protocol::PING)?)
    }

    fn begin_check(&mut self) {
        let (shared, token) = (Arc::clone(&self.shared), self.token.clone());
        let check = async move { shared.caller(token.as_ref()).await };
        self.check = check.boxed().fuse();
    }

    /// The token was checked.
    fn on_verdict(&mut self, verdict: Result<A::Caller, AuthRefusal>) -> Result<(), End> {
        let caller = verdict.map_err(refused)?;
        let account = self.shared.authenticator.account(&caller);
        let share = self.shared.enter_for(account).map_err(|_problem| {
            let most = self.limits.connections_of_key;
            let reason = format!("At most {most} sockets and streams at once of one key");
            Close::new(Close::TRY_AGAIN, reason)
        })?;
        self.share = Some(share);
        // The client comes back and is told anew what it may see.
        let lapsed = lapse(Arc::clone(&self.shared), self.token.clone(), caller);
        self.lapsed = lapsed.boxed().fuse();
        self.phase = Phase::Ready;
        Ok(self.replies.send(protocol::ACK)?)
    }

    fn on_frame(&mut self, frame: Option<Result<Message, Fault>>) -> Result<(), End> {
        self.silent = 0;
        match frame {
            None => Err(End::Gone),
            Some(Err(fault)) => Err(unreadable(&fault)),
            Some(Ok(Message::Close(_))) => Err(End::ByClient),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => {
                Err(Close::new(Close::INVALID, "Binary messages are not read").into())
            }
            Some(Ok(Message::Text(text))) => Ok(self.on_message(protocol::parse(&text)?)?),
        }
    }

    fn on_message(&mut self, message: Inbound) -> Result<(), Close> {
        match message {
            Inbound::Init(_) if self.phase != Phase::Fresh => {
                Err(Close::new(Close::TOO_MANY_INITS, "Too many initialisation requests"))
            }
            Inbound::Init(token) => {
                self.phase = Phase::Checking;
                self.token = token.or_else(|| self.token.take());
                self.begin_check();
                Ok(())
            }
            Inbound::Ping(payload) => self.replies.send(protocol::pong(payload)),
            Inbound::Pong => Ok(()),
            Inbound::Subscribe(id, request) => self.on_subscribe(&id, *request),
            Inbound::Complete(id) => {
                self.operations.stop(&id);
                Ok(())
            }
        }
    }

    fn on_subscribe(&mut self, id: &str, request: Request) -> Result<(), Close> {
        if self.phase != Phase::Ready {
            return Err(Close::new(Close::UNAUTHORIZED, "Unauthorized"));
        }
        let opening = self.opening(request);
        let (queue, most) = (self.queue.clone(), self.limits.operations);
        match self.operations.start(id.to_owned(), opening, queue, &protocol::VOICE, most) {
            Ok(()) => Ok(()),
            Err(Unstarted::Duplicate) => {
                let reason = format!("Subscriber for {id} already exists");
                Err(Close::new(Close::DUPLICATE, reason))
            }
            Err(Unstarted::TooMany) => {
                let errors = [Bound::OperationsOfOne.error(None, most)];
                self.replies.send(protocol::error(id, &errors))
            }
        }
    }

    /// Asks anew who calls, and begins what is asked. That the token is refused ends the socket,
    /// not the operation alone.
    fn opening(&self, mut request: Request) -> Opening {
        let (shared, token) = (Arc::clone(&self.shared), self.token.clone());
        let refusals = self.refusals.0.clone();
        let opening = async move {
            let caller = match shared.caller(token.as_ref()).await {
                Ok(caller) => caller,
                Err(refusal) => {
                    // A socket that no longer listens is ending already.
                    refusals.send(refusal).await;
                    return Err(Unopened::Silently);
                }
            };
            let account = shared.authenticator.account(&caller);
            let admitted = shared
                .admit(account, &mut request)
                .map_err(|problem| Unopened::Refused(problem.into_errors()))?;
            Ok(run_stream(&shared.executor, request.data(caller), admitted))
        };
        opening.boxed()
    }
}

fn refused(refusal: AuthRefusal) -> Close {
    match refusal {
        AuthRefusal::Missing | AuthRefusal::Invalid | AuthRefusal::Token(_) => {
            Close::new(Close::FORBIDDEN, "Forbidden")
        }
        AuthRefusal::Unavailable => Close::new(Close::TRY_AGAIN, "Try again later"),
    }
}

/// What to tell about a frame that cannot be read; left to itself, the library just hangs up.
fn unreadable(fault: &Fault) -> End {
    match fault {
        Fault::Capacity(_) => Close::new(Close::TOO_LONG, "The message is too long").into(),
        Fault::Utf8(_) => Close::new(Close::NOT_TEXT, "The message is not UTF-8").into(),
        Fault::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        Fault::Protocol(_) => Close::new(Close::FRAMING, "Protocol error").into(),
        _ => End::Gone,
    }
}
