//! The commands on a database of their own, as somebody would type them.

use super::*;
use crate::db::Options;
use clap::Parser as _;

const SECRET: &str = "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";

#[derive(clap::Parser)]
struct Typed {
    #[command(subcommand)]
    command: Command,
}

/// URL, token, second secret, key window and look-up of a connection.
type Held<'a> = (&'a str, &'a str, Option<&'a str>, i64, bool);

struct Shop {
    db: Db,
    _dir: tempfile::TempDir,
}

impl Shop {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("admin.db").display());
        let options = Options { url, reader_connections: 1, max_connections: 1 };
        let db = Db::open(&options).await.unwrap();
        db.migrate().await.unwrap();
        Self { db, _dir: dir }
    }

    async fn run(&self, words: &[&str]) -> Result<Printed, AdminError> {
        let typed = Typed::try_parse_from([&["admin"], words].concat()).unwrap();
        run(typed.command, self.db.clone()).await
    }

    async fn answer(&self, words: &[&str]) -> String {
        self.run(words).await.unwrap().answer
    }

    async fn refusal(&self, words: &[&str]) -> String {
        self.run(words).await.unwrap_err().to_string()
    }

    async fn site(&self, name: &str) -> String {
        self.answer(&["site", "create", "--name", name]).await
    }

    async fn connection(&self, site: &str) -> String {
        let words = ["connection", "set", "--site", site, "--name", "main", "--base-url"];
        let rest = ["http://127.0.0.1:9/", "--token", "t", "--webhook-secret", SECRET];
        self.answer(&[&words[..], &rest[..]].concat()).await
    }
}

/// Goal: a sender's connection is one of its site's. Method: name another site's, and one that never was.
#[tokio::test]
async fn a_sender_takes_a_connection_of_its_own_site_only() {
    let shop = Shop::new().await;
    let (here, there) = (shop.site("here").await, shop.site("there").await);
    let (ours, theirs) = (shop.connection(&here).await, shop.connection(&there).await);
    let made_up = "conn_0193585c00007000800000000000002a";
    let set = ["sender", "set", "--site", &here, "--number", "+18885550100", "--connection"];
    for connection in [theirs.as_str(), made_up] {
        let told = shop.refusal(&[&set[..], &[connection]].concat()).await;
        assert_eq!(told, format!("the site has no connection {connection}"));
    }
    assert_eq!(shop.refusal(&set[..6]).await, "a new sender needs a connection");
    let made = shop.answer(&[&set[..], &[&ours]].concat()).await;
    shop.refusal(&[&set[..], &[&theirs]].concat()).await;
    let site: SiteId = here.parse().unwrap();
    let phone = PhoneNumber::parse("+18885550100").unwrap();
    let found = db::admin::find_sender(shop.db.read(), site, &phone).await.unwrap().unwrap();
    assert_eq!((found.id.to_string(), found.connection_id.to_string()), (made, ours));
}

/// Goal: a sender keeps what a command leaves out. Method: name one setting after the other.
#[tokio::test]
async fn a_sender_changes_only_in_what_is_named() {
    let shop = Shop::new().await;
    let site = shop.site("here").await;
    let connection = shop.connection(&site).await;
    let set = ["sender", "set", "--site", &site, "--number", "+18885550100"];
    let phone = PhoneNumber::parse("+18885550100").unwrap();
    let steps: [(&[&str], (i64, bool)); 6] = [
        (&["--connection", &connection], (3, false)),
        (&["--ready"], (3, true)),
        (&["--segments-per-second", "7"], (7, true)),
        (&[], (7, true)),
        (&["--ready", "false"], (7, false)),
        (&["--ready", "true", "--segments-per-second", "0"], (0, true)),
    ];
    for (words, expected) in steps {
        shop.answer(&[&set[..], words].concat()).await;
        let found = db::admin::find_sender(shop.db.read(), site.parse().unwrap(), &phone);
        let found = found.await.unwrap().unwrap();
        assert_eq!((found.segments_per_s, found.is_ready), expected, "{words:?}");
        assert_eq!(found.connection_id.to_string(), connection);
    }
}

/// Goal: a connection keeps what a command leaves out, and a new one needs what has no default.
#[tokio::test]
async fn a_connection_changes_only_in_what_is_named() {
    let shop = Shop::new().await;
    let site = shop.site("here").await;
    let set = ["connection", "set", "--site", &site, "--name", "main"];
    assert_eq!(shop.refusal(&set).await, "a new connection needs a base URL");
    let id = shop.connection(&site).await;
    let next = "whsec_CAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";
    let steps: [(&[&str], Held<'_>); 5] = [
        (&[], ("http://127.0.0.1:9", "t", None, 86_400, true)),
        (&["--webhook-secret-next", next], ("http://127.0.0.1:9", "t", Some(next), 86_400, true)),
        (&["--look-up", "false"], ("http://127.0.0.1:9", "t", Some(next), 86_400, false)),
        (
            &["--key-window-hours", "0", "--token", "u"],
            ("http://127.0.0.1:9", "u", Some(next), 0, false),
        ),
        (
            &["--webhook-secret-next", "", "--base-url", "http://127.0.0.1:8"],
            ("http://127.0.0.1:8", "u", None, 0, false),
        ),
    ];
    for (words, expected) in steps {
        assert_eq!(shop.answer(&[&set[..], words].concat()).await, id);
        let found = db::admin::find_connection(shop.db.read(), id.parse().unwrap());
        let found = found.await.unwrap().unwrap();
        let next = found.webhook_secret_next.as_ref().map(ExposeSecret::expose_secret);
        let token = found.token.expose_secret();
        let is = (found.base_url.as_str(), token, next, found.key_window_s, found.has_lookup);
        assert_eq!(is, expected, "{words:?}");
        assert_eq!(found.webhook_secret.expose_secret(), SECRET);
    }
}

/// Goal: a status page is set, kept, changed and taken away like the rest, and is a page on the web.
#[tokio::test]
async fn a_connection_may_have_a_status_page() {
    let shop = Shop::new().await;
    let site = shop.site("here").await;
    let id = shop.connection(&site).await;
    let set = ["connection", "set", "--site", &site, "--name", "main"];
    let steps: [(&[&str], Option<&str>); 5] = [
        (&[], None),
        (&["--status-page-url", "https://status.example/"], Some("https://status.example")),
        (&["--look-up", "false"], Some("https://status.example")),
        (&["--status-page-url", "http://a.example/b"], Some("http://a.example/b")),
        (&["--status-page-url", ""], None),
    ];
    for (words, expected) in steps {
        assert_eq!(shop.answer(&[&set[..], words].concat()).await, id);
        let found = db::admin::find_connection(shop.db.read(), id.parse().unwrap());
        assert_eq!(found.await.unwrap().unwrap().status_page_url.as_deref(), expected, "{words:?}");
    }
    for bad in
        ["status.example", "ftp://status.example", "https://u:p@status.example", "https://x?y"]
    {
        let refusal = shop.refusal(&[&set[..], &["--status-page-url", bad]].concat()).await;
        assert!(refusal.starts_with("the status page is an http or https URL"), "{refusal}");
    }
}

/// Goal: making a key again makes none, and tells which there is. Method: repeat it as it was, then with
/// another name, role and reach.
#[tokio::test]
async fn a_key_is_made_once_for_its_name_role_and_sites() {
    let shop = Shop::new().await;
    let (one, two) = (shop.site("one").await, shop.site("two").await);
    let create = |name, role, sites: &[&str]| {
        let mut words = vec!["key", "create", "--name", name, "--role", role];
        words.extend(sites.iter().flat_map(|site| ["--site", *site]));
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let made: [(&str, &str, &[&str]); 5] = [
        ("first", "admin", &[&one]),
        ("second", "admin", &[&one]),
        ("first", "viewer", &[&one]),
        ("first", "admin", &[&two]),
        ("first", "admin", &[&one, &two]),
    ];
    let mut ids = Vec::new();
    for (name, role, sites) in made {
        let words = create(name, role, sites);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let first = shop.run(&words).await.unwrap();
        assert!(first.answer.starts_with("sk_"));
        let id = first.note.unwrap();
        let again = shop.run(&words).await.unwrap();
        assert_eq!(again.answer, id);
        assert!(again.note.unwrap().contains("its secret was shown"));
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), made.len());
}

/// A secret that is refused is not repeated: the refusal says only what one looks like.
#[tokio::test]
async fn a_webhook_secret_has_24_to_64_bytes() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let shop = Shop::new().await;
    let site = shop.site("shop").await;
    shop.connection(&site).await;
    for flag in ["--webhook-secret", "--webhook-secret-next"] {
        for (bytes, is_fine) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            let secret = format!("whsec_{}", STANDARD.encode(vec![7_u8; bytes]));
            let words = ["connection", "set", "--site", &site, "--name", "main", flag, &secret];
            match shop.run(&words).await {
                Ok(_) => assert!(is_fine, "{flag} {bytes}"),
                Err(refusal) => {
                    assert!(!is_fine, "{flag} {bytes}");
                    assert!(bytes == 0 || !refusal.to_string().contains(&secret));
                }
            }
        }
    }
}
