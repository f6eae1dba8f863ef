//! What keeps `sendoff serve` from starting: one line that names it, and an end.

use std::net::TcpListener;

use api::config::test_database_url;

use crate::program::Sendoff;

const SERVE: &[&str] = &["serve"];

#[test]
fn a_schema_behind_is_told() {
    let told = Sendoff::new().tells(SERVE);
    assert_eq!(
        told,
        "sendoff: the database is 22 schema steps behind this version: run `sendoff admin migrate`"
    );
}

#[test]
fn an_aggregator_must_be_set_up() {
    let sendoff = Sendoff::new();
    sendoff.with_site();
    assert_eq!(
        sendoff.tells(SERVE),
        "sendoff: no aggregator is set up: run `sendoff admin connection set`"
    );
}

#[tokio::test]
async fn the_development_key_is_a_way_in_that_production_does_not_take() {
    let sendoff = Sendoff::new();
    let site = sendoff.with_site();
    sendoff.connection(&site);
    let file = sendoff.dir().join("data").join("sendoff.db");
    let options = api::db::Options {
        url: format!("sqlite://{}", file.display()),
        reader_connections: 1,
        max_connections: 1,
    };
    let db = api::db::Db::open(&options).await.unwrap();
    let txn = db.begin_write().await.unwrap();
    let key = api::db::keys::NewKey {
        id: uuid::Uuid::from_u128(7).into(),
        name: "development",
        prefix: "sk_dev_",
        secret_hash: "0",
        role: domain::access::Role::Admin,
        is_development: true,
        sites: &[site.parse().unwrap()],
    };
    api::db::keys::insert(&txn, key, domain::Instant::UNIX_EPOCH).await.unwrap();
    txn.commit().await.unwrap();
    db.close().await.unwrap();
    assert_eq!(
        sendoff.tells(SERVE),
        "sendoff: the database holds the development world's key: production refuses to start with it"
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sendoff = Sendoff::new().with("SENDOFF_LISTEN", &address);
    let site = sendoff.with_site();
    sendoff.connection(&site);
    let told = sendoff.tells(SERVE);
    let wanted = format!("sendoff: cannot listen on {address}: Address already in use");
    assert!(told.starts_with(&wanted), "{told}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let sendoff = Sendoff::new();
    let file = sendoff.dir().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("data").to_str().unwrap().to_owned();
    let sendoff = sendoff.with("SENDOFF_DATA_DIR", &below);
    let wanted = format!("sendoff: cannot write to the data directory {below}: ");
    for command in [SERVE, &["admin", "migrate"]] {
        let told = sendoff.tells(command);
        assert!(told.starts_with(&wanted), "{told}");
    }
}

#[test]
fn a_part_of_the_service_alone_needs_a_database_that_can_be_shared() {
    for role in ["api", "engine"] {
        let sendoff = Sendoff::new().with("SENDOFF_SERVER__ROLE", role);
        assert_eq!(
            sendoff.tells(SERVE),
            "sendoff: the configuration is not valid: `server.role` must be `all` unless PostgreSQL is \
             named by `database.url`"
        );
    }
    let told = Sendoff::new().with("SENDOFF_SERVER__ROLE", "planner").tells(SERVE);
    assert!(told.contains("`SENDOFF_SERVER__ROLE` must be `all`, `api` or `engine`"), "{told}");
}

#[test]
fn a_key_that_nothing_reads_is_named() {
    let sendoff = Sendoff::new().with("SENDOFF_ENGINE__LEESE", "1m");
    assert_eq!(
        sendoff.tells(SERVE),
        "sendoff: the configuration is not valid: unknown configuration key `SENDOFF_ENGINE__LEESE`; \
         the nearest known one is `SENDOFF_ENGINE__LEASE`"
    );
    let sendoff = Sendoff::new();
    std::fs::write(sendoff.dir().join("sendoff.toml"), "[server]\nlistne = \"127.0.0.1:0\"\n")
        .unwrap();
    let with_file: &[&str] = &["serve", "--config", "sendoff.toml"];
    assert_eq!(
        sendoff.tells(with_file),
        "sendoff: the configuration is not valid: unknown configuration key `server.listne`; the \
         nearest known one is `server.listen`"
    );
    std::fs::write(sendoff.dir().join("sendoff.toml"), "[server\n").unwrap();
    let told = sendoff.tells(with_file);
    assert!(told.contains("not valid TOML: line 1"), "{told}");
    let told = sendoff.tells(&["serve", "--config", "missing.toml"]);
    assert!(
        told.starts_with("sendoff: cannot read the configuration file missing.toml: "),
        "{told}"
    );
}

/// Goal: a database that does not answer is told within the time, and its password is not. Method: a
/// port that nobody listens on, one that never answers, and a server that does not know the database.
#[test]
fn a_database_that_is_not_there_is_told_without_its_password() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = closed.local_addr().unwrap();
    drop(closed);
    let url = |address| format!("postgres://sendoff:canary@{address}/sendoff");
    let mut urls = vec![url(free), url(silent.local_addr().unwrap())];
    if let Some((server, _)) = test_database_url().as_deref().and_then(|url| url.rsplit_once('/')) {
        urls.push(format!("{server}/no_such_database_canary"));
    }
    let refused = |url: String| {
        let told = Sendoff::new().with("DATABASE_URL", &url).tells(SERVE);
        assert!(told.starts_with("sendoff: cannot open the database ("), "{told}");
        assert!(!told.contains("sendoff:canary"), "{told}");
    };
    // Side by side: each waits for as long as a database may take.
    std::thread::scope(|scope| {
        for url in urls {
            scope.spawn(|| refused(url));
        }
    });
}
