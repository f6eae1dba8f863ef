//! The bounds of the GraphQL transports, each with its name.
use super::quota::Rate;
use std::time::Duration;

/// Bytes of a request body.
pub const BODY_BYTES: usize = 256 * 1024;
/// Bytes read and thrown away after an over-long body, so that its sender can hear the refusal.
pub const DISCARD_BYTES: usize = 4 * 1024 * 1024;
/// Time in which a request body must have arrived.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which the head of a request must have arrived: more than the body has, which may be taken for one.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Braces, brackets and parentheses a document may open inside one another. The parser recurses on
/// them before its own limit is asked.
pub const DOCUMENT_DEPTH: usize = 100;
/// Bytes of a document.
pub const DOCUMENT_BYTES: usize = 64 * 1024;
/// Documents of a manifest of trusted ones.
pub const DOCUMENTS: usize = 10_000;
/// Names, numbers, strings and signs of a document.
pub const TOKENS: usize = 5_000;
/// Fields inside one another, those of introspection aside.
pub const DEPTH: usize = 12;
/// Fields inside one another from `__schema` or `__type`.
pub const INTROSPECTION_DEPTH: usize = 20;
/// Lists of the schema (`fields`, `inputFields`, `interfaces`, `possibleTypes`) inside one another. The
/// introspection of every tool has one; graphql-js draws the same line.
pub const INTROSPECTION_LISTS: usize = 2;
/// How often one field may be written in one selection.
pub const REPEATS: usize = 100;
/// Aliases of a document once every fragment is written out.
pub const ALIASES: usize = 50;
/// Directives of a document once every fragment is written out.
pub const DIRECTIVES: usize = 50;
/// Fields at the root of a mutation.
pub const MUTATION_FIELDS: usize = 10;
/// Values inside one another in the variables.
pub const VARIABLES_DEPTH: usize = 20;
/// Points of an operation.
pub const COST: usize = 1_000;
/// The points of a key: how fast they come back, and how many it has at most.
pub const RATE: Rate = Rate { per_s: 100, burst: 2_000 };
/// Time in which a query or a mutation must be answered.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Sockets and streams of one key that are open at once.
pub const CONNECTIONS_OF_KEY: usize = 20;
/// Operations of one key that run at once.
pub const OPERATIONS_OF_KEY: usize = 500;
/// Errors of a refused document that are told; the rest are left out.
pub const ERRORS_IN_ANSWER: usize = 20;
/// Time in which the authenticator must have answered; after it nobody counts as recognised.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a message on a socket.
pub const MESSAGE_BYTES: usize = 256 * 1024;
/// Time from the opening of a socket to its `connection_init`.
pub const INIT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two pings of the server.
pub const PING_PERIOD: Duration = Duration::from_secs(12);
/// Time between two checks of a token that has something live, and of what it reaches.
pub const CHECK_PERIOD: Duration = Duration::from_secs(1);
/// Ping periods without a word from the client after which its socket is cut.
pub const SILENT_PERIODS: u32 = 3;
/// Time in which the client must have taken a message.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the closing of a socket: the close frame out, the answer to it in.
pub const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
/// Operations that run at once on a socket.
pub const OPERATIONS: usize = 100;
/// Messages of operations that wait for the writer of a socket.
pub const QUEUED_MESSAGES: usize = 32;
/// Answers of the protocol itself (`pong`, `connection_ack`, refusals) that wait for the writer.
pub const QUEUED_REPLIES: usize = 32;
/// Sockets and streams that are open at once.
pub const SOCKETS: usize = 10_000;
/// Time between two words of a stream that has nothing to tell.
pub const IDLE_PERIOD: Duration = Duration::from_secs(10);
/// Time from the reservation of a stream of events to its opening.
pub const RESERVATION_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the id that a client gives an operation.
pub const OPERATION_ID_BYTES: usize = 256;
/// Bytes of the reason in a close frame: 125 of a control frame less the two of the code.
pub const CLOSE_REASON_BYTES: usize = 123;
/// Bytes of a socket's read buffer, which is allocated when the socket opens and stays: clients say little, and a
/// longer frame makes room for itself.
pub const READ_BUFFER_BYTES: usize = 512;

/// The bounds that a deployment or a test may set; the constants above are the defaults.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// See [`BODY_BYTES`].
    pub body_bytes: usize,
    /// See [`BODY_TIMEOUT`].
    pub body_timeout: Duration,
    /// See [`HEAD_TIMEOUT`].
    pub head_timeout: Duration,
    /// See [`AUTH_TIMEOUT`].
    pub auth_timeout: Duration,
    /// See [`MESSAGE_BYTES`].
    pub message_bytes: usize,
    /// See [`INIT_TIMEOUT`].
    pub init_timeout: Duration,
    /// See [`PING_PERIOD`].
    pub ping_period: Duration,
    /// See [`CHECK_PERIOD`].
    pub check_period: Duration,
    /// See [`IDLE_PERIOD`].
    pub idle_period: Duration,
    /// See [`RESERVATION_TIMEOUT`].
    pub reservation_timeout: Duration,
    /// See [`WRITE_TIMEOUT`].
    pub write_timeout: Duration,
    /// See [`COST`].
    pub cost: usize,
    /// See [`RATE`].
    pub rate: Rate,
    /// See [`REQUEST_TIMEOUT`].
    pub request_timeout: Duration,
    /// See [`CONNECTIONS_OF_KEY`].
    pub connections_of_key: usize,
    /// See [`OPERATIONS_OF_KEY`].
    pub operations_of_key: usize,
    /// See [`OPERATIONS`].
    pub operations: usize,
    /// See [`SOCKETS`].
    pub sockets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: BODY_BYTES,
            body_timeout: BODY_TIMEOUT,
            head_timeout: HEAD_TIMEOUT,
            auth_timeout: AUTH_TIMEOUT,
            message_bytes: MESSAGE_BYTES,
            init_timeout: INIT_TIMEOUT,
            ping_period: PING_PERIOD,
            check_period: CHECK_PERIOD,
            idle_period: IDLE_PERIOD,
            reservation_timeout: RESERVATION_TIMEOUT,
            write_timeout: WRITE_TIMEOUT,
            cost: COST,
            rate: RATE,
            request_timeout: REQUEST_TIMEOUT,
            connections_of_key: CONNECTIONS_OF_KEY,
            operations_of_key: OPERATIONS_OF_KEY,
            operations: OPERATIONS,
            sockets: SOCKETS,
        }
    }
}

impl Limits {
    /// The same without what one key may have open or ask for, for those who drive the service as
    /// fast as it goes.
    #[must_use]
    pub fn without_quotas(self) -> Self {
        let rate = Rate { per_s: 0, burst: 0 };
        Self { rate, connections_of_key: usize::MAX, operations_of_key: usize::MAX, ..self }
    }
}

/// Fields and fragments of a document once every fragment is written out.
pub const SELECTIONS: usize = 2_000;
/// How deep selections nest once every fragment is written out.
pub const SELECTION_DEPTH: usize = 200;
