//! `sendoff admin`: every command can be repeated, and prints the same id.

use crate::program::{Sendoff, TOKEN, WEBHOOK_SECRET};

#[test]
fn a_set_up_can_be_repeated_and_prints_the_same_ids() {
    let sendoff = Sendoff::new();
    let site = sendoff.with_site();
    assert_eq!(sendoff.with_site(), site);
    assert!(site.starts_with("site_"), "{site}");
    let set = ["admin", "site", "set", "--site", &site, "--subdomain", "demo", "--plan", "trial"];
    let more = ["--trial-segments", "100", "--quiet-hours", "off", "--status", "active"];
    assert_eq!(sendoff.prints(&[set.as_slice(), &more].concat()), site);
    let other = sendoff.prints(&["admin", "site", "create", "--name", "Other"]);
    assert_ne!(other, site);

    let connection = sendoff.connection(&site);
    assert!(connection.starts_with("conn_"), "{connection}");
    assert_eq!(sendoff.connection(&site), connection);
    assert_ne!(sendoff.connection(&other), connection, "a name is unique on a site");

    let sender = |ready: &[&str]| {
        let set = ["admin", "sender", "set", "--site", &site, "--connection", &connection];
        let number = ["--number", "+18885550100", "--segments-per-second", "10"];
        sendoff.prints(&[set.as_slice(), &number, ready].concat())
    };
    let id = sender(&[]);
    assert!(id.starts_with("snd_"), "{id}");
    assert_eq!(sender(&["--ready"]), id);

    let key = ["admin", "key", "create", "--site", &site, "--name", "ci", "--role", "admin"];
    let (one, two) = (sendoff.prints(&key), sendoff.prints(&key));
    assert!(one.starts_with("sk_"), "a new key's secret");
    assert!(two.starts_with("key_"), "a secret is shown once, and never again");
    assert_eq!(sendoff.prints(&key), two);
}

#[test]
fn what_cannot_be_set_up_is_refused() {
    let sendoff = Sendoff::new();
    let behind = sendoff.tells(&["admin", "site", "create", "--name", "Demo"]);
    assert_eq!(
        behind,
        "sendoff: the database is 22 schema steps behind this version: run `sendoff admin migrate`"
    );
    let site = sendoff.with_site();
    let nobody = "site_0190a5b20000700080000000000000ff";
    let set = |site| ["admin", "site", "set", "--site", site, "--status", "inactive"];
    assert_eq!(sendoff.tells(&set(nobody)), format!("sendoff: there is no site {nobody}"));
    let key = |site| ["admin", "key", "create", "--site", site, "--name", "ci", "--role", "admin"];
    assert_eq!(sendoff.tells(&key(nobody)), format!("sendoff: there is no site {nobody}"));
    let blank = sendoff.tells(&["admin", "site", "create", "--name", " "]);
    assert_eq!(
        blank,
        "sendoff: a name is blank, longer than 200 characters, or has some that cannot be seen"
    );
    // What the command line itself refuses ends with its own code and changes nothing.
    for wrong in [
        vec!["admin", "site", "create", "--name", "x", "--zone", "America/Atlantis"],
        vec!["admin", "site", "set", "--site", "Demo"],
        vec!["admin", "site", "set", "--site", &site, "--plan", "gold"],
        vec!["admin", "site", "set", "--site", &site, "--quiet-hours", "20-09"],
        vec!["admin", "site", "set", "--site", &site, "--price", "0.01"],
        vec!["admin", "key", "create", "--site", &site, "--name", "x", "--role", "owner"],
        vec!["admin", "key", "create", "--name", "x", "--role", "admin"],
        vec!["admin"],
        vec![],
    ] {
        let outcome = sendoff.run(&wrong);
        assert_eq!((outcome.code, outcome.out.as_str()), (Some(2), ""), "{wrong:?}");
    }
}

/// Goal: no command shows a secret that it was given, a good one or a bad one.
#[test]
fn a_secret_is_not_repeated() {
    let sendoff = Sendoff::new();
    let site = sendoff.with_site();
    let set = ["admin", "connection", "set", "--site", &site, "--name", "main", "--base-url"];
    let with = |url, token, secret| {
        let more = [url, "--token", token, "--webhook-secret", secret];
        let outcome = sendoff.run(&[set.as_slice(), &more].concat());
        (outcome.code, outcome.out + &outcome.err)
    };
    let url = "http://127.0.0.1:9";
    let (code, told) = with(url, TOKEN, WEBHOOK_SECRET);
    assert_eq!(code, Some(0), "{told}");
    assert!(!told.contains("canary") && !told.contains("whsec_"), "{told}");
    for (url, token, secret, wanted) in [
        ("http://me:canary@127.0.0.1", TOKEN, WEBHOOK_SECRET, "the base URL must be"),
        ("127.0.0.1:9", TOKEN, WEBHOOK_SECRET, "the base URL must be"),
        (url, "canary token", WEBHOOK_SECRET, "a token is blank"),
        (url, "", WEBHOOK_SECRET, "a token is blank"),
        (url, TOKEN, "whsec_canary-secret!", "a webhook secret is `whsec_` followed by"),
        (url, TOKEN, "canary", "a webhook secret is `whsec_` followed by"),
        (url, TOKEN, "whsec_", "a webhook secret is `whsec_` followed by"),
    ] {
        let (code, told) = with(url, token, secret);
        assert_eq!(code, Some(1), "{told}");
        assert!(told.contains(wanted) && !told.contains("canary"), "{told}");
    }
}

#[test]
fn the_schema_and_the_defaults_are_printed() {
    let sendoff = Sendoff::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let schema = sendoff.run(&["schema"]);
    assert_eq!((schema.code, schema.out), (Some(0), file("schema.graphql")));
    let defaults = sendoff.run(&["config", "--defaults"]);
    assert_eq!((defaults.code, defaults.out), (Some(0), file("docs/config.toml")));
    assert!(!sendoff.dir().join("data").exists(), "neither needs a database");
}
