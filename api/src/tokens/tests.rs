//! Every way in which a token is not taken, and the keys of a file that changes.

use super::{
    Claims, Flaw, KEYS_READ_EVERY, SUBJECT_CHARS_MAX, Settings, TOKEN_BYTES_MAX, Tokens, Unusable,
    is_signed,
    jwk::{BadKeys, Keys},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::Instant;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tokio::time::advance;

const ISSUER: &str = "https://login.example.com/";
const SITE: &str = "site_0190a5b20000700080000000000000ff";
/// The seconds since 1970 that it is in these tests.
const NOW: i64 = 1_790_000_000;
/// The modulus of an RSA key that nobody has kept, and a token that it signed.
const MODULUS: &str = "y-HnWbRsF-qsuV-6uMGots0MRYm86pnD_ROBsgH95qziOwJnn7uS1jc1Ay6qoWSGyNTcVi3C2AKIuTmZ4w64RJwuvyO\
1prtTZJIapSQzcs5XcYy9d2wNRUCEbyzQhkak4Mj2eZ6RiMhkEe4KPMHWuJcDpNcfnDvNl7MAvPHZZy1xg_GCTxBuPcwlBNzjf_Qctd7cvgLjVNyhqK\
MMOw3cwrLJGI9lDt6WeKIf9H8M-jZxvcLHBqWATCj300AZH5M-iqsjTtpaO9oIFFRdd4uTmfSgcKvUmCdq56oEMotv6_w7Ye1zOuE96g6oic27Xf_J6\
Hf-iZdiWhZPZ19rAz0Y6w";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2xvZ2luLmV4YW1wbG\
UuY29tLyIsImF1ZCI6InNlbmRvZmYiLCJzdWIiOiJhdXRoMHw3Iiwicm9sZSI6InZpZXdlciIsInNpdGVzIjpbInNpdGVfMDE5MGE1YjIwMDAwNzAwM\
DgwMDAwMDAwMDAwMDAwZmYiXSwiZXhwIjoxNzk4MDAwMDAwfQ.lIU_83zfdGv_Vm6mPxiEBOdvMHy9okfRgDDLd07S7aR6B68sPk7hs8OOANSN48Xmv\
_entp77gjmBT2WEKv12v0Qv4mibCb-ZCIBrQ0EM7cACK4ANrgjdoABHWQtjiyMJB7DF6YjIzac_J-_T18YGyMbqnrrx_q0b0QSmfN7Ip3ehBSjB8aK8z\
GWczTK3MBeg6ctS9RIkgX-c4tfitXGTlkGIJKoxTLIKT25OR7nyWYFfvtejmMLclx2EUes0OvMIM0tuqypC53swEnv25TB_X9eap8g-v1m5MDJKEyIXQ\
uJvQKqepqp6z3WckTsjFkZxAZOml9P8uF3e3Q5OkeNkMw";

/// A pair of keys that signs.
enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
}

impl Signer {
    fn ed() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    fn ec() -> Self {
        let (rng, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &rng).unwrap();
        Self::Ec(EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &rng).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed(_) => "EdDSA",
            Self::Ec(_) => "ES256",
        }
    }

    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Ed(pair) => {
                let x = encode(pair.public_key());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x })
            }
            Self::Ec(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": encode(x), "y": encode(y) })
            }
        }
    }

    fn sign(&self, header: &Value, payload: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(payload.to_string()));
        let signature = match self {
            Self::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Ec(pair) => {
                pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec()
            }
        };
        format!("{message}.{}", encode(signature))
    }

    fn token(&self, payload: &Value) -> String {
        self.sign(&json!({ "alg": self.algorithm(), "kid": "k" }), payload)
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Good claims, some replaced; null takes one away.
fn claims(changes: &Value) -> Value {
    let mut all = json!({
        "iss": ISSUER, "aud": "sendoff", "sub": "auth0|7", "role": "editor", "sites": [SITE],
        "exp": NOW + 60, "nbf": NOW, "iat": NOW, "scope": "more that is not read",
    });
    for (name, value) in changes.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    all
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn tokens(path: &Path, keys: &[Value]) -> Tokens {
    fs::write(path, set(keys)).unwrap();
    let (issuer, audience) = (ISSUER.to_owned(), "sendoff".to_owned());
    Tokens::load(Settings { issuer, audience, keys_file: path.to_owned() }).unwrap()
}

fn at(seconds: i64) -> Instant {
    Instant::from_timestamp(seconds, 0).unwrap()
}

async fn told(tokens: &Tokens, token: &str) -> Result<Claims, Flaw> {
    tokens.check(token, at(NOW)).await
}

#[tokio::test]
async fn each_algorithm_is_verified_with_the_key_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    let good = Claims {
        subject: "auth0|7".to_owned(),
        role: domain::access::Role::Editor,
        sites: vec![SITE.parse().unwrap()],
    };
    for signer in [Signer::ed(), Signer::ec()] {
        let tokens = tokens(&path, &[signer.jwk("k"), Signer::ed().jwk("other")]);
        let token = signer.token(&claims(&json!({})));
        assert!(is_signed(&token));
        assert_eq!(told(&tokens, &token).await, Ok(good.clone()), "{}", signer.algorithm());
    }
    let rsa = json!({ "kty": "RSA", "kid": "rsa", "use": "sig", "n": MODULUS, "e": "AQAB" });
    let tokens = tokens(&path, &[rsa]);
    let read = told(&tokens, RSA_TOKEN).await.unwrap();
    assert_eq!((read.subject.as_str(), read.role), ("auth0|7", domain::access::Role::Viewer));
    assert_eq!(tokens.check(RSA_TOKEN, at(1_798_000_000)).await, Err(Flaw::Expired));
}

#[tokio::test]
async fn what_no_key_has_signed_is_all_alike() {
    let dir = tempfile::tempdir().unwrap();
    let (signer, other) = (Signer::ed(), Signer::ed());
    let tokens = tokens(&dir.path().join("jwks.json"), &[signer.jwk("k"), Signer::ec().jwk("e")]);
    let good = claims(&json!({}));
    let token = signer.token(&good);
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let richer = encode(claims(&json!({ "role": "admin" })).to_string());
    let unsigned = encode(json!({ "alg": "none", "kid": "k" }).to_string());
    let header_with = |header: Value| signer.sign(&header, &good);
    let cases = [
        ("another's signature", other.token(&good)),
        ("other claims", format!("{header}.{richer}.{signature}")),
        ("no signature", format!("{header}.{payload}.")),
        ("a part of it", format!("{header}.{payload}.{}", &signature[..40])),
        ("one with padding", format!("{token}==")),
        ("none", format!("{unsigned}.{payload}.")),
        ("none, and one", format!("{unsigned}.{payload}.{signature}")),
        ("a symmetric one", header_with(json!({ "alg": "HS256", "kid": "k" }))),
        ("another algorithm of ours", header_with(json!({ "alg": "ES256", "kid": "k" }))),
        ("an unknown key", header_with(json!({ "alg": "EdDSA", "kid": "unknown" }))),
        ("another key of the set", header_with(json!({ "alg": "ES256", "kid": "e" }))),
        ("no key", header_with(json!({ "alg": "EdDSA" }))),
        ("no algorithm", header_with(json!({ "kid": "k" }))),
        (
            "a key of its own",
            other.sign(&json!({ "alg": "EdDSA", "kid": "own", "jwk": other.jwk("own") }), &good),
        ),
        ("an extension", header_with(json!({ "alg": "EdDSA", "kid": "k", "crit": ["b64"] }))),
        ("a logout", header_with(json!({ "alg": "EdDSA", "kid": "k", "typ": "logout+jwt" }))),
        ("no JSON", format!("{}.{payload}.{signature}", encode("{"))),
        ("no base64", format!("{header}!.{payload}.{signature}")),
        ("nothing", "..".to_owned()),
        ("too long", format!("{header}.{}.{signature}", "A".repeat(TOKEN_BYTES_MAX))),
    ];
    for (what, token) in cases {
        assert_eq!(told(&tokens, &token).await, Err(Flaw::Unverified), "{what}");
    }
    let typed = header_with(json!({ "alg": "EdDSA", "kid": "k", "typ": "at+JWT" }));
    assert!(told(&tokens, &typed).await.is_ok());
}

#[tokio::test]
async fn claims_that_are_not_good_here_and_now_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::ed();
    let tokens = tokens(&dir.path().join("jwks.json"), &[signer.jwk("k")]);
    let many = vec![SITE; 101];
    let cases = [
        (json!({ "iss": "https://login.example.com" }), Flaw::WrongIssuer),
        (json!({ "iss": null }), Flaw::WrongIssuer),
        (json!({ "aud": "other" }), Flaw::WrongAudience),
        (json!({ "aud": null }), Flaw::WrongAudience),
        (json!({ "aud": [] }), Flaw::WrongAudience),
        (json!({ "aud": ["other", "sendoff2"] }), Flaw::WrongAudience),
        (json!({ "exp": NOW }), Flaw::Expired),
        (json!({ "exp": NOW - 3_600 }), Flaw::Expired),
        (json!({ "exp": -1 }), Flaw::Expired),
        (json!({ "nbf": NOW + 6 }), Flaw::NotYetValid),
        (json!({ "iat": NOW + 6 }), Flaw::NotYetValid),
        (json!({ "exp": null }), Flaw::Claims),
        (json!({ "exp": "tomorrow" }), Flaw::Claims),
        (json!({ "exp": 1e300 }), Flaw::Claims),
        (json!({ "sub": null }), Flaw::Claims),
        (json!({ "sub": "" }), Flaw::Claims),
        (json!({ "sub": "a b" }), Flaw::Claims),
        (json!({ "sub": "a\nb" }), Flaw::Claims),
        (json!({ "sub": "s".repeat(SUBJECT_CHARS_MAX + 1) }), Flaw::Claims),
        (json!({ "role": null }), Flaw::Claims),
        (json!({ "role": "owner" }), Flaw::Claims),
        (json!({ "role": ["admin"] }), Flaw::Claims),
        (json!({ "sites": null }), Flaw::Claims),
        (json!({ "sites": SITE }), Flaw::Claims),
        (json!({ "sites": ["*"] }), Flaw::Claims),
        (json!({ "sites": many }), Flaw::Claims),
    ];
    for (changes, flaw) in cases {
        let token = signer.token(&claims(&changes));
        assert_eq!(told(&tokens, &token).await, Err(flaw), "{changes}");
    }
    let good = [
        json!({ "aud": ["other", "sendoff"] }),
        json!({ "exp": f64::from(1_790_000_000) + 0.5 }),
        json!({ "nbf": NOW + 5, "iat": NOW + 5 }),
        json!({ "nbf": null, "iat": null }),
        json!({ "sites": [SITE, SITE] }),
        json!({ "sites": [] }),
    ];
    for changes in good {
        let token = signer.token(&claims(&changes));
        assert!(told(&tokens, &token).await.is_ok(), "{changes}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_keys_are_read_again_and_kept_when_the_file_is_of_no_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    let (first, second) = (Signer::ed(), Signer::ed());
    let tokens = tokens(&path, &[first.jwk("k")]);
    let of = |signer: &Signer| signer.token(&claims(&json!({})));
    fs::write(&path, set(&[second.jwk("k")])).unwrap();
    assert!(told(&tokens, &of(&first)).await.is_ok(), "the file is not read for each token");
    advance(KEYS_READ_EVERY).await;
    assert!(told(&tokens, &of(&second)).await.is_ok());
    assert_eq!(told(&tokens, &of(&first)).await, Err(Flaw::Unverified));
    for useless in ["{", r#"{"keys":[]}"#, &" ".repeat(70_000)] {
        fs::write(&path, useless).unwrap();
        advance(KEYS_READ_EVERY).await;
        assert!(told(&tokens, &of(&second)).await.is_ok());
    }
    fs::remove_file(&path).unwrap();
    advance(KEYS_READ_EVERY + Duration::from_secs(1)).await;
    assert!(told(&tokens, &of(&second)).await.is_ok());
    fs::write(&path, set(&[first.jwk("k")])).unwrap();
    advance(KEYS_READ_EVERY).await;
    assert!(told(&tokens, &of(&first)).await.is_ok());
}

#[test]
fn only_public_keys_of_ours_are_kept() {
    let ed = Signer::ed().jwk("k");
    let with = |name: &str, value: Value| {
        let mut key = ed.clone();
        key[name] = value;
        key
    };
    let ec = Signer::ec().jwk("e");
    let passed_over = [
        json!({ "kty": "oct", "kid": "s", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "crv": "P-384", "kid": "p" }),
        json!({ "kty": "OKP", "crv": "X25519", "kid": "x" }),
        json!({ "kty": "RSA", "kid": "r", "alg": "PS256", "n": MODULUS, "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": "r", "use": "enc", "n": MODULUS, "e": "AQAB" }),
        with("key_ops", json!(["encrypt"])),
    ];
    assert_eq!(Keys::parse(&set(&passed_over)).unwrap_err(), BadKeys::None);
    let kept = [passed_over.to_vec(), vec![ed.clone(), ec.clone()]].concat();
    assert_eq!(Keys::parse(&set(&kept)).unwrap().len(), 2);
    let small = encode([0xff; 128]);
    let cases = [
        (set(&vec![ed.clone(); 33]), BadKeys::TooMany),
        (set(&[ed.clone(), ed.clone()]), BadKeys::Twice(1)),
        (set(&[ec, with("kid", Value::Null)]), BadKeys::Id(1)),
        (set(&[with("kid", json!("k".repeat(257)))]), BadKeys::Id(0)),
        (set(&[with("x", json!("AAAA"))]), BadKeys::Key(0)),
        (set(&[with("d", json!("AAAA"))]), BadKeys::Private(0)),
        (set(&[json!({ "kty": "RSA", "kid": "r", "n": small, "e": "AQAB" })]), BadKeys::Key(0)),
        ("[]".to_owned(), BadKeys::Form),
        (String::new(), BadKeys::Form),
    ];
    for (text, wanted) in cases {
        assert_eq!(Keys::parse(&text).unwrap_err(), wanted, "{text}");
    }
}

#[test]
fn a_file_that_is_of_no_use_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let keys_file = dir.path().join("jwks.json");
    let load = || {
        let (issuer, audience) = (ISSUER.to_owned(), "sendoff".to_owned());
        Tokens::load(Settings { issuer, audience, keys_file: keys_file.clone() }).unwrap_err()
    };
    assert!(matches!(load(), Unusable::File(_)));
    fs::write(&keys_file, " ".repeat(70_000)).unwrap();
    assert!(matches!(load(), Unusable::TooLong));
    fs::write(&keys_file, "{}").unwrap();
    assert!(matches!(load(), Unusable::Keys(BadKeys::Form)));
}
