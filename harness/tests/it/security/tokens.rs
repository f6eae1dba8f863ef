//! Tokens that another service signed: who they let in, what is told of those they do not, and when what they
//! opened ends.
//!
//! **Invariant:** each case is one token that differs in one thing from a good one.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use domain::access::Role;
use harness::client::{Client, Ended};
use harness::scenario::Scenario;
use harness::world::World;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::common::{
    CREATE, Rows, SITE_UPDATE, done, draft, draft_input, patched, payload, post, problems, text,
};

const ISSUER: &str = "https://login.example.com/";
const AUDIENCE: &str = "https://sms.example.com/graphql";
/// The id of the key in the file.
const KEY: &str = "2026-11";
/// Seconds for which a good token works.
const WORKS_S: i64 = 600;
/// Anything that lives.
const WATCH: &str = "subscription { campaignsChanged { cursor } }";
const VIEWER: &str = "{ viewer { subject role scopes apiKey { id } sites { nodes { id } } } }";

/// A world that takes tokens, and the key that signs them.
struct Issuer {
    world: World,
    pair: Ed25519KeyPair,
    _keys: tempfile::TempDir,
}

impl Issuer {
    /// With so many sockets and streams at once of each caller.
    async fn start(connections: usize) -> Self {
        let pair = pair();
        let keys = tempfile::tempdir().unwrap();
        let keys_file = keys.path().join("jwks.json");
        let x = encode(pair.public_key());
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": KEY, "x": x }] });
        std::fs::write(&keys_file, set.to_string()).unwrap();
        let (issuer, audience) = (ISSUER.to_owned(), AUDIENCE.to_owned());
        let tokens = api::tokens::Settings { issuer, audience, keys_file };
        let scenario = Scenario::parse("it", "scenario: 1\nsubscribers: []\n").unwrap();
        let world = World::start_with(&scenario, |settings| {
            settings.tokens = Some(tokens);
            settings.limits.connections_of_key = connections;
        });
        Self { world: world.await.unwrap(), pair, _keys: keys }
    }

    /// Good claims, some of them replaced.
    fn claims(&self, changes: &Value) -> Value {
        let now = self.world.now().timestamp();
        let good = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|7", "role": "admin",
            "sites": [self.world.site_id()], "iat": now, "nbf": now, "exp": now + WORKS_S,
        });
        patched(&good, changes)
    }

    fn token(&self, changes: &Value) -> String {
        sign(&self.pair, &json!({ "alg": "EdDSA", "kid": KEY }), &self.claims(changes))
    }

    fn client(&self, changes: &Value) -> Client {
        self.world.client_with(Some(self.token(changes))).unwrap()
    }
}

fn pair() -> Ed25519KeyPair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn sign(pair: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    format!("{message}.{}", encode(pair.sign(message.as_bytes())))
}

/// How the end of a socket is told.
fn code(ended: &Ended) -> Option<u16> {
    match ended {
        Ended::Closed { code, .. } => Some(*code),
        _ => None,
    }
}

/// Goal: a token that is not good opens nothing, and its holder is told no more than a code that is documented.
#[tokio::test]
async fn a_token_that_is_not_good_opens_nothing() {
    let issuer = Issuer::start(usize::MAX).await;
    let now = issuer.world.now().timestamp();
    let header = |header: Value| sign(&issuer.pair, &header, &issuer.claims(&json!({})));
    let unsigned = json!({ "alg": "none", "kid": KEY }).to_string();
    let unsigned =
        format!("{}.{}.", encode(unsigned), encode(issuer.claims(&json!({})).to_string()));
    let stranger =
        sign(&pair(), &json!({ "alg": "EdDSA", "kid": KEY }), &issuer.claims(&json!({})));
    let cases = [
        ("UNVERIFIED", stranger),
        ("UNVERIFIED", header(json!({ "alg": "EdDSA", "kid": "2026-10" }))),
        ("UNVERIFIED", header(json!({ "alg": "HS256", "kid": KEY }))),
        ("UNVERIFIED", unsigned),
        ("UNVERIFIED", "a.b.c".to_owned()),
        ("WRONG_ISSUER", issuer.token(&json!({ "iss": "https://login.example.org/" }))),
        ("WRONG_AUDIENCE", issuer.token(&json!({ "aud": "https://other.example.com/" }))),
        ("EXPIRED", issuer.token(&json!({ "exp": now }))),
        ("NOT_YET_VALID", issuer.token(&json!({ "nbf": now + 60 }))),
        ("NOT_YET_VALID", issuer.token(&json!({ "iat": now + 60 }))),
        ("CLAIMS", issuer.token(&json!({ "role": "owner" }))),
        ("CLAIMS", issuer.token(&json!({ "exp": null }))),
    ];
    let before = Rows::of(&issuer.world).await;
    let mut told = Vec::new();
    for (reason, token) in cases {
        let client = issuer.world.client_with(Some(token.clone())).unwrap();
        let input = json!({ "input": draft_input(&issuer.world) });
        let answer = client.send(CREATE, input).await.unwrap();
        assert_eq!(answer.status, 401, "{reason}");
        assert_eq!(problems(&answer.body), ["! UNAUTHENTICATED"], "{reason}");
        assert_eq!(answer.body["errors"][0]["extensions"]["reason"], reason, "{}", answer.body);
        assert!(!answer.body.to_string().contains(&token), "{reason}");
        let refused = client.subscribe(WATCH, json!({})).await.err();
        assert_eq!(refused.as_ref().and_then(code), Some(4403), "{reason}: {refused:?}");
        told.push(answer.body.to_string());
    }
    assert_eq!(Rows::of(&issuer.world).await.differing(&before), [""; 0]);
    told.dedup();
    insta::assert_snapshot!("tokens", told.join("\n"));
    issuer.world.stop().await.unwrap();
}

/// Goal: a token does what its role says on the sites that it names and that are there, and what it did is told
/// by its subject.
#[tokio::test]
async fn a_token_reaches_what_it_says() {
    let issuer = Issuer::start(usize::MAX).await;
    let world = &issuer.world;
    let other = world.other_site_key(&Scenario::default()).await.unwrap();
    let other = post(&world.client_with(Some(other)).unwrap(), VIEWER, json!({})).await;
    let other = text(&other["data"]["viewer"]["sites"]["nodes"][0]["id"]);
    let nowhere = "site_0190a5b20000700080000000000000ff";
    let site = world.site_id();
    for role in Role::ALL {
        let changes = json!({ "role": role.as_str(), "sites": [nowhere, site] });
        let viewer = post(&issuer.client(&changes), VIEWER, json!({})).await;
        let viewer = payload(&viewer);
        assert_eq!(viewer["subject"], "auth0|7");
        assert_eq!(viewer["role"], role.as_str().to_uppercase());
        assert_eq!(viewer["apiKey"], Value::Null);
        assert_eq!(viewer["scopes"].as_array().unwrap().len(), role.scopes().count());
        assert_eq!(viewer["sites"]["nodes"], json!([{ "id": site }]));
    }
    let query = "query($id: ID!) { site(id: $id) { id } }";
    for foreign in [nowhere, &other] {
        let answer = post(&issuer.client(&json!({})), query, json!({ "id": foreign })).await;
        assert_eq!(answer["data"], json!({ "site": null }));
    }
    let input = json!({ "id": site, "input": { "textPrefix": "Acme" } });
    let answer = post(&issuer.client(&json!({ "role": "sender" })), SITE_UPDATE, input).await;
    assert_eq!(problems(&answer), ["! FORBIDDEN"]);
    let message = "The caller's role does not grant the scope SITE_WRITE.";
    assert_eq!(answer["errors"][0]["message"], message);
    let keyed = patched(&draft_input(world), &json!({ "idempotencyKey": "once" }));
    let create = |changes: Value| {
        let (client, input) = (issuer.client(&changes), json!({ "input": keyed }));
        async move { text(&done(&client, CREATE, input).await["campaign"]["id"]) }
    };
    // A new token of the same subject is the same caller; another subject, and a key, are others.
    let id = create(json!({})).await;
    assert_eq!(create(json!({ "exp": world.now().timestamp() + 1 })).await, id);
    assert_ne!(create(json!({ "sub": "auth0|8" })).await, id);
    let events =
        "query($id: ID!) { campaign(id: $id) { events { nodes { actor { kind name } } } } }";
    let answer = post(&issuer.client(&json!({})), events, json!({ "id": id })).await;
    let actor = json!([{ "actor": { "kind": "TOKEN", "name": "auth0|7" } }]);
    assert_eq!(answer["data"]["campaign"]["events"]["nodes"], actor);
    draft(world).await;
    world.run_until_idle().await.unwrap();
    issuer.world.stop().await.unwrap();
}

/// Goal: what was done with a token is found in the audit by its subject, whichever token it was.
#[tokio::test]
async fn what_a_token_did_is_found_by_its_subject() {
    let issuer = Issuer::start(usize::MAX).await;
    let world = &issuer.world;
    let longer = json!({ "exp": world.now().timestamp() + 2 * WORKS_S });
    for changes in [json!({}), longer, json!({ "sub": "auth0|8" })] {
        done(&issuer.client(&changes), CREATE, json!({ "input": draft_input(world) })).await;
    }
    let query = "query($by: ID) { site { auditEntries(filter: { actorId: $by }) { nodes { actorId \
        actor { kind name } operation } } } }";
    let by = "subject:auth0|7";
    let told = post(&issuer.client(&json!({})), query, json!({ "by": by })).await;
    let entry = json!({ "actorId": by, "actor": { "kind": "TOKEN", "name": "auth0|7" },
        "operation": "CAMPAIGN_CREATE" });
    assert_eq!(told["data"]["site"]["auditEntries"]["nodes"], json!([entry, entry]), "{told}");
    issuer.world.stop().await.unwrap();
}

/// Goal: what a token opened ends when it does; its holder comes back with a new one.
#[tokio::test]
async fn a_live_connection_ends_with_its_token() {
    let issuer = Issuer::start(usize::MAX).await;
    let world = &issuer.world;
    let client = issuer.client(&json!({}));
    let mut live = client.subscribe(WATCH, json!({})).await.unwrap();
    let longer = json!({ "exp": world.now().timestamp() + 2 * WORKS_S });
    let mut stays = issuer.client(&longer).subscribe(WATCH, json!({})).await.unwrap();
    let last = world.now() + TimeDelta::seconds(WORKS_S);
    world.advance_to(last - TimeDelta::milliseconds(1));
    assert_eq!(client.send(VIEWER, json!({})).await.unwrap().status, 200);
    world.advance_to(last);
    let ended = live.next_value().await.unwrap().unwrap_err();
    assert_eq!(code(&ended), Some(4403), "{ended:?}");
    let answer = client.send(VIEWER, json!({})).await.unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body["errors"][0]["extensions"]["reason"], "EXPIRED");
    draft(world).await;
    let change = stays.next_value().await.unwrap().unwrap();
    assert!(change["data"]["campaignsChanged"]["cursor"].is_string(), "{change}");
    issuer.world.stop().await.unwrap();
}

/// Goal: what is counted for a caller is counted for the subject, however many tokens it has.
#[tokio::test]
async fn sockets_are_counted_by_subject() {
    let issuer = Issuer::start(1).await;
    let now = issuer.world.now().timestamp();
    let first = issuer.client(&json!({})).subscribe(WATCH, json!({})).await.unwrap();
    let again = issuer.client(&json!({ "exp": now + 1 })).subscribe(WATCH, json!({})).await;
    let refused = again.err();
    assert_eq!(refused.as_ref().and_then(code), Some(1013), "{refused:?}");
    let other = issuer.client(&json!({ "sub": "auth0|8" })).subscribe(WATCH, json!({})).await;
    assert!(other.is_ok(), "{:?}", other.err());
    drop((first, other));
    issuer.world.stop().await.unwrap();
}
