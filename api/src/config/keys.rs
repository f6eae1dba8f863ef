//! The one table of configuration keys. Its readers: the file, the environment, the defaults file,
//! and the search for the nearest known key.
//!
//! **Invariant:** every field of the sections has a row here with the default of its `Default`; the
//! tests compare both ways.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    ConfigError, duration,
    forms::{
        METRICS_TOKEN, WEBHOOK_SECRET, is_address, is_database_url, is_filled, is_filter,
        is_metrics_token, is_origin, is_token, is_url, is_webhook_secret,
    },
};

/// One key: where it stands, what it takes, and what people are told about it.
pub(super) struct Key {
    /// The section's name.
    pub(super) section: &'static str,
    /// The name within the section.
    pub(super) name: &'static str,
    /// What values it takes.
    pub(super) kind: Kind,
    /// The plain variable of the environment that also sets it.
    pub(super) plain_variable: Option<&'static str>,
    /// The value in an empty configuration, as TOML; `Err` holds an example for a key without one.
    pub(super) default: Result<&'static str, &'static str>,
    /// What it is for, one sentence a line.
    pub(super) about: &'static [&'static str],
}

/// What values a key takes.
pub(super) enum Kind {
    /// A text, in words what it must be, and the test of it.
    Text(&'static str, fn(&str) -> bool),
    /// The same, never shown.
    Secret(&'static str, fn(&str) -> bool),
    /// A list of such texts; in the environment separated by commas.
    List(&'static str, fn(&str) -> bool),
    /// A whole number in a range.
    Count(RangeInclusive<u16>),
    /// A duration in a range.
    Span(RangeInclusive<Duration>),
}

/// Rows of a batch bind up to 30 parameters each, and SQLite takes 32,766 in a statement.
const BATCH: Kind = Kind::Count(1..=1_000);

/// Any number but none.
const SOME: Kind = Kind::Count(1..=u16::MAX);

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn mins(count: u64) -> Duration {
    Duration::from_mins(count)
}

/// Every key, in the order of the defaults file; a section's keys stand together.
pub(super) const KEYS: &[Key] = &[
    Key {
        section: "server",
        name: "listen",
        kind: Kind::Text("an address and a port, such as `127.0.0.1:8080`", is_address),
        plain_variable: Some("SENDOFF_LISTEN"),
        default: Ok(r#""127.0.0.1:8080""#),
        about: &["The address and port to listen on. With port 0 the system chooses."],
    },
    Key {
        section: "server",
        name: "public_url",
        kind: Kind::Text(URL, is_url),
        plain_variable: None,
        default: Err(r#""https://sms.example.com""#),
        about: &[
            "The URL under which aggregators reach this service: receipts go to its /hooks.",
            "Without it, http:// and the address.",
        ],
    },
    Key {
        section: "server",
        name: "allowed_origins",
        kind: Kind::List("origins, such as `https://app.example.com`", is_origin),
        plain_variable: None,
        default: Ok("[]"),
        about: &["The origins whose pages may call the API from a browser."],
    },
    Key {
        section: "server",
        name: "shutdown_grace",
        kind: Kind::Span(Duration::ZERO..=mins(10)),
        plain_variable: None,
        default: Ok(r#""10s""#),
        about: &["How long a shutdown waits for what has begun."],
    },
    Key {
        section: "server",
        name: "role",
        kind: Kind::Text("`all`, `api` or `engine`", |text| {
            matches!(text, "all" | "api" | "engine")
        }),
        plain_variable: None,
        default: Ok(r#""all""#),
        about: &[
            "What this process is for, where several share one PostgreSQL: all of it; api, which",
            "answers callers and takes receipts; or engine, which sends, and answers /healthz,",
            "/readyz and /metrics alone. On SQLite there is one process, and it does all.",
        ],
    },
    Key {
        section: "server",
        name: "metrics_token",
        kind: Kind::Secret(METRICS_TOKEN, is_metrics_token),
        plain_variable: None,
        default: Err(r#""a-long-token-of-your-own""#),
        about: &[
            "The bearer token with which /metrics is read. Without it, nobody reads them: behind a",
            "proxy on the same machine, every caller seems to come from the machine itself.",
        ],
    },
    Key {
        section: "api",
        name: "cost_max",
        kind: SOME,
        plain_variable: None,
        default: Ok("1000"),
        about: &["Points that one operation may cost; docs/graphql.md says how they are reckoned."],
    },
    Key {
        section: "api",
        name: "rate_per_s",
        kind: Kind::Count(0..=u16::MAX),
        plain_variable: None,
        default: Ok("100"),
        about: &[
            "Points that come back to an API key in a second, on one node. 0 sets no such limit.",
        ],
    },
    Key {
        section: "api",
        name: "rate_burst",
        kind: SOME,
        plain_variable: None,
        default: Ok("2000"),
        about: &["Points that an API key can have; not fewer than cost_max."],
    },
    Key {
        section: "api",
        name: "connections_per_key",
        kind: SOME,
        plain_variable: None,
        default: Ok("20"),
        about: &["Sockets and streams of one API key that are open at once, on one node."],
    },
    Key {
        section: "api",
        name: "operations_per_key",
        kind: SOME,
        plain_variable: None,
        default: Ok("500"),
        about: &["Operations of one API key that run at once, on one node."],
    },
    Key {
        section: "api",
        name: "request_timeout",
        kind: Kind::Span(Duration::from_secs(1)..=mins(10)),
        plain_variable: None,
        default: Ok(r#""30s""#),
        about: &["How long a query or a mutation may take; more than engine.submit_timeout."],
    },
    Key {
        section: "api",
        name: "trusted_documents",
        kind: Kind::Text("the path of a file", is_filled),
        plain_variable: None,
        default: Err(r#""./persisted-documents.json""#),
        about: &[
            "A manifest of documents by their SHA-256, as graphql-codegen and relay-compiler write it.",
            "With it, no other document is executed.",
        ],
    },
    Key {
        section: "api",
        name: "introspection",
        kind: Kind::Text("`on` or `off`", |text| matches!(text, "on" | "off")),
        plain_variable: None,
        default: Ok(r#""on""#),
        about: &["Whether those who hold a key may ask for the schema."],
    },
    Key {
        section: "api",
        name: "audit_retention",
        // The database itself keeps what is younger than a month: see m0020 of the migrations.
        kind: Kind::Span(mins(31 * 24 * 60)..=mins(3_650 * 24 * 60)),
        plain_variable: None,
        default: Ok(r#""400d""#),
        about: &["How long it is kept who did what: Site.auditEntries."],
    },
    Key {
        section: "jwt",
        name: "issuer",
        kind: Kind::Text("the claim `iss` of the tokens", is_filled),
        plain_variable: None,
        default: Err(r#""https://login.example.com/""#),
        about: &[
            "With these three, tokens that another service signs (JWT) open the API beside API keys:",
            "docs/graphql.md says what must be in them. Who signs them.",
        ],
    },
    Key {
        section: "jwt",
        name: "audience",
        kind: Kind::Text("what must be in the claim `aud` of the tokens", is_filled),
        plain_variable: None,
        default: Err(r#""https://sms.example.com/graphql""#),
        about: &["Whom they are for: this service, and no other that has the same issuer."],
    },
    Key {
        section: "jwt",
        name: "keys_file",
        kind: Kind::Text("the path of a file", is_filled),
        plain_variable: None,
        default: Err(r#""./jwks.json""#),
        about: &[
            "The public keys that they are signed with, a JSON Web Key Set. It is read again every few",
            "seconds; no key is fetched from anywhere.",
        ],
    },
    Key {
        section: "database",
        name: "url",
        kind: Kind::Secret("a `postgres://` or `sqlite://` URL", is_database_url),
        plain_variable: Some("DATABASE_URL"),
        default: Err(r#""postgres://sendoff:password@localhost/sendoff""#),
        about: &["The database. Without it, the SQLite file sendoff.db in data_dir."],
    },
    Key {
        section: "database",
        name: "data_dir",
        kind: Kind::Text("the path of a directory", is_filled),
        plain_variable: Some("SENDOFF_DATA_DIR"),
        default: Ok(r#""./data""#),
        about: &["The directory of what the service keeps on disk. Made when missing."],
    },
    Key {
        section: "database",
        name: "reader_connections",
        kind: Kind::Count(1..=64),
        plain_variable: None,
        default: Ok("4"),
        about: &["Connections that read, on SQLite; one more writes."],
    },
    Key {
        section: "database",
        name: "max_connections",
        kind: Kind::Count(2..=1_000),
        plain_variable: None,
        default: Ok("16"),
        about: &["Connections in the pool, on PostgreSQL."],
    },
    Key {
        section: "engine",
        name: "max_in_flight",
        kind: Kind::Count(1..=4_096),
        plain_variable: None,
        default: Ok("64"),
        about: &["Messages being handed over at one moment, at most, on one node."],
    },
    Key {
        section: "engine",
        name: "max_in_flight_per_connection",
        kind: Kind::Count(0..=4_096),
        plain_variable: None,
        default: Ok("0"),
        about: &[
            "The part of them that one connection may have: an aggregator that hangs leaves the rest",
            "to the others. 0 stands for three quarters.",
        ],
    },
    Key {
        section: "engine",
        name: "claim_batch_max",
        kind: BATCH,
        plain_variable: None,
        default: Ok("64"),
        about: &["Messages claimed in one transaction, at most; never more than may be in flight."],
    },
    Key {
        section: "engine",
        name: "plan_batch_max",
        kind: BATCH,
        plain_variable: None,
        default: Ok("500"),
        about: &["Messages planned in one transaction, at most."],
    },
    Key {
        section: "engine",
        name: "period",
        kind: Kind::Span(ms(10)..=mins(60)),
        plain_variable: None,
        default: Ok(r#""1s""#),
        about: &["How often the engine looks for work when nothing rings its bell."],
    },
    Key {
        section: "engine",
        name: "lease",
        kind: Kind::Span(ms(1_000)..=mins(10)),
        plain_variable: None,
        default: Ok(r#""30s""#),
        about: &[
            "How long a claim on a message is held. What a claim that outlives it did is unknown.",
            "More than dispatch_grace and submit_timeout together.",
        ],
    },
    Key {
        section: "engine",
        name: "submit_timeout",
        kind: Kind::Span(ms(100)..=mins(5)),
        plain_variable: None,
        default: Ok(r#""10s""#),
        about: &["How long the aggregator has to answer one request."],
    },
    Key {
        section: "engine",
        name: "max_lateness",
        kind: Kind::Span(ms(1_000)..=mins(7 * 24 * 60)),
        plain_variable: None,
        default: Ok(r#""60min""#),
        about: &[
            "How late a campaign may start that says nothing of it.",
            "Later, it fails with SCHEDULE_MISSED.",
        ],
    },
    Key {
        section: "engine",
        name: "receipt_batch_max",
        kind: BATCH,
        plain_variable: None,
        default: Ok("500"),
        about: &["Receipts applied in one transaction, at most."],
    },
    Key {
        section: "engine",
        name: "dispatch_grace",
        kind: Kind::Span(ms(10)..=mins(1)),
        plain_variable: None,
        default: Ok(r#""2s""#),
        about: &["The age at which a claim is too old to begin its request, and is made anew."],
    },
    Key {
        section: "engine",
        name: "validity_pad",
        kind: Kind::Span(Duration::ZERO..=mins(60)),
        plain_variable: None,
        default: Ok(r#""30s""#),
        about: &["How much earlier than the allowed window's end the aggregator must give up."],
    },
    Key {
        section: "engine",
        name: "unconfirmed_after",
        kind: Kind::Span(mins(60)..=mins(30 * 24 * 60)),
        plain_variable: None,
        default: Ok(r#""72h""#),
        about: &[
            "How long an accepted message waits for a final receipt before it is UNCONFIRMED.",
            "A receipt that comes later still settles it.",
        ],
    },
    Key {
        section: "engine",
        name: "status_page_period",
        // What a page said ten minutes ago is no longer told: see PAGE_CURRENT_FOR in the domain.
        kind: Kind::Span(ms(10_000)..=mins(5)),
        plain_variable: None,
        default: Ok(r#""60s""#),
        about: &["How often an aggregator's status page is asked while messages are under way."],
    },
    Key {
        section: "log",
        name: "format",
        kind: Kind::Text("`text` or `json`", |text| matches!(text, "text" | "json")),
        plain_variable: None,
        default: Ok(r#""text""#),
        about: &["The form of a log line: text for people, json for machines."],
    },
    Key {
        section: "log",
        name: "filter",
        kind: Kind::Text("a level, or levels by target, such as `warn,api=debug`", is_filter),
        plain_variable: None,
        default: Ok(r#""info""#),
        about: &["What is logged: error, warn, info, debug or trace, or levels by target."],
    },
    Key {
        section: "aggregator",
        name: "url",
        kind: Kind::Text(URL, is_url),
        plain_variable: Some("SENDOFF_AGGREGATOR_URL"),
        default: Err(r#""http://127.0.0.1:9000/v1""#),
        about: &[
            "Development world only: an outside aggregator in place of the scripted one.",
            "sendoff serve takes its aggregators from the database: sendoff admin connection set.",
        ],
    },
    Key {
        section: "aggregator",
        name: "token",
        kind: Kind::Secret("a token of visible ASCII characters", is_token),
        plain_variable: Some("SENDOFF_AGGREGATOR_TOKEN"),
        default: Err(r#""the-token-it-expects""#),
        about: &["Development world only: the bearer token that the aggregator expects."],
    },
    Key {
        section: "aggregator",
        name: "webhook_secret",
        kind: Kind::Secret(WEBHOOK_SECRET, is_webhook_secret),
        plain_variable: Some("SENDOFF_WEBHOOK_SECRET"),
        default: Err(r#""whsec_c2VuZG9mZi1leGFtcGxlLXNlY3JldC0wMDAx""#),
        about: &["Development world only: the secret that the aggregator signs receipts with."],
    },
    Key {
        section: "dev",
        name: "sites",
        kind: Kind::Text("`demo` or `all`", |text| matches!(text, "demo" | "all")),
        plain_variable: Some("SENDOFF_DEV_SITES"),
        default: Ok(r#""demo""#),
        about: &["Development world only: the sites its key reaches, the demo site or all."],
    },
];

const URL: &str = "an absolute http or https URL without query and fragment";

impl Key {
    /// `section.name`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The variable `SENDOFF_<SECTION>__<KEY>`.
    pub(super) fn variable(&self) -> String {
        format!("SENDOFF_{}__{}", self.section, self.name).to_uppercase()
    }

    /// Checks type, form and range of one value; `source` is the key or variable that errors name.
    pub(super) fn check(&self, source: &str, value: &toml::Value) -> Result<(), ConfigError> {
        let is_good = match (&self.kind, value) {
            (Kind::Text(_, fits) | Kind::Secret(_, fits), toml::Value::String(text)) => fits(text),
            (Kind::List(_, fits), toml::Value::Array(items)) => {
                items.iter().all(|item| item.as_str().is_some_and(fits))
            }
            (Kind::Count(range), toml::Value::Integer(count)) => {
                u16::try_from(*count).is_ok_and(|count| range.contains(&count))
            }
            (Kind::Span(range), toml::Value::String(text)) => {
                duration::parse(text).is_some_and(|span| range.contains(&span))
            }
            _ => false,
        };
        if is_good {
            return Ok(());
        }
        let given = match (&self.kind, value) {
            (Kind::Secret(..), _) => String::new(),
            (_, toml::Value::String(text)) => format!(", not {text:?}"),
            (_, toml::Value::Integer(count)) => format!(", not {count}"),
            (_, other) => format!(", not this {}", other.type_str()),
        };
        Err(ConfigError::Value { key: String::from(source), expected: self.kind.expected(), given })
    }
}

impl Kind {
    /// In words, what a value must be.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Text(expected, _) | Self::Secret(expected, _) => String::from(*expected),
            Self::List(expected, _) => format!("a list of {expected}"),
            Self::Count(range) => {
                format!("a whole number from {} to {}", range.start(), range.end())
            }
            Self::Span(range) => {
                let (least, most) =
                    (duration::render(*range.start()), duration::render(*range.end()));
                format!("a duration from {least} to {most}, such as `10s`")
            }
        }
    }
}
