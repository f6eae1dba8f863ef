//! Trusted documents: a manifest of all that the clients of a deployment ever ask, after which nothing else is
//! executed. Clients may name a document by its id instead of sending it.
//!
//! **Invariant:** with a manifest, no document runs that is not in it, to the byte.
//! **Invariant:** an id that claims to be a SHA-256 is that of its document.
use super::{
    limits::{DOCUMENT_BYTES, DOCUMENTS},
    problem::{Outcome, Problem, code},
};
use async_graphql::{Request, Value, parser::parse_query};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// The member of a request that names a document.
pub(super) const DOCUMENT_ID: &str = "documentId";
/// The extension by which Apollo's clients name one, and its member.
const PERSISTED_QUERY: &str = "persistedQuery";
const HASH: &str = "sha256Hash";
/// What codegen and Relay write before a hash.
const SHA256_PREFIX: &str = "sha256:";
/// Hexadecimal digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// The documents that may run, by their ids.
#[derive(Clone, Debug, Default)]
pub struct Trusted(HashMap<String, String>);

/// Why a manifest is none.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// It is not an object of texts.
    #[error("it must be one JSON object, of documents by their ids")]
    Form,
    /// It has more documents than are kept.
    #[error("it has more than {DOCUMENTS} documents")]
    TooMany,
    /// The document of this id cannot be run.
    #[error("the document `{0}` is not GraphQL, or is too long")]
    Document(String),
    /// The id of this document is another document's hash.
    #[error("`{0}` is not the SHA-256 of its document")]
    Hash(String),
}

impl Trusted {
    /// The documents of a manifest, as graphql-codegen (`persistedDocuments`) and relay-compiler
    /// (`persistConfig`) write it: one object, of texts by their ids.
    pub fn parse(manifest: &str) -> Result<Self, Untrusted> {
        let all: Map<String, Json> = serde_json::from_str(manifest).map_err(|fault| {
            tracing::debug!(%fault, "a manifest that cannot be read");
            Untrusted::Form
        })?;
        if all.len() > DOCUMENTS {
            return Err(Untrusted::TooMany);
        }
        let mut documents = HashMap::new();
        for (id, text) in all {
            let Json::String(text) = text else { return Err(Untrusted::Form) };
            if text.len() > DOCUMENT_BYTES || parse_query(&text).is_err() {
                return Err(Untrusted::Document(id));
            }
            let hash = hash(&text);
            let bare = bare(&id);
            if is_hash(bare) && !bare.eq_ignore_ascii_case(&hash) {
                return Err(Untrusted::Hash(id));
            }
            if !is_hash(bare) {
                documents.insert(id, text.clone());
            }
            documents.insert(hash, text);
        }
        Ok(Self(documents))
    }

    fn find(&self, id: &str) -> Option<&str> {
        let bare = bare(id);
        let found = self.0.get(&bare.to_ascii_lowercase()).or_else(|| self.0.get(id));
        found.map(String::as_str)
    }
}

/// An id without what tells the kind of its hash.
fn bare(id: &str) -> &str {
    id.strip_prefix(SHA256_PREFIX).unwrap_or(id)
}

fn is_hash(text: &str) -> bool {
    text.len() == SHA256_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn hash(text: &str) -> String {
    let mut digits = String::with_capacity(SHA256_DIGITS);
    for byte in Sha256::digest(text) {
        for half in [byte >> 4, byte & 0xf] {
            digits.extend(char::from_digit(half.into(), 16));
        }
    }
    digits
}

/// Puts the document into a request that names one, and refuses one that may not run.
pub(super) fn resolve(trusted: Option<&Trusted>, request: &mut Request) -> Result<(), Problem> {
    let id = id(request);
    let Some(trusted) = trusted else {
        if request.query.is_empty() && id.is_some() {
            let message = "This service keeps no documents: send `query`.";
            return Err(Problem::new(Outcome::Refused, code::NO_DOCUMENTS, message));
        }
        return Ok(());
    };
    let known = trusted.find(&id.unwrap_or_else(|| hash(&request.query)));
    match known {
        Some(text) if request.query.is_empty() || request.query == text => {
            text.clone_into(&mut request.query);
            Ok(())
        }
        _ => {
            let message = "This service runs known documents only, and this is none of them.";
            Err(Problem::new(Outcome::Refused, code::NOT_TRUSTED, message))
        }
    }
}

/// The id by which a request names its document.
fn id(request: &Request) -> Option<String> {
    let named = match request.extensions.get(DOCUMENT_ID) {
        Some(Value::String(id)) => Some(id),
        _ => None,
    };
    let persisted = match request.extensions.get(PERSISTED_QUERY) {
        Some(Value::Object(members)) => members.get(HASH),
        _ => None,
    };
    match (named, persisted) {
        (Some(id), _) | (None, Some(Value::String(id))) => Some(id.clone()),
        _ => None,
    }
}

/// Whether the extensions name a document, so that the request need not hold it.
pub(super) fn is_named(extensions: &Json) -> bool {
    let persisted = extensions.get(PERSISTED_QUERY).and_then(|members| members.get(HASH));
    [persisted, extensions.get(DOCUMENT_ID)].into_iter().flatten().any(Json::is_string)
}

#[cfg(test)]
mod tests {
    use super::{Trusted, hash, resolve};
    use async_graphql::Request;
    use serde_json::{Value, json};

    const TEXT: &str = "query Viewer { viewer { scopes } }";

    fn asked(trusted: Option<&Trusted>, query: &str, extensions: Value) -> Result<String, String> {
        let mut request = Request::new(query);
        request.extensions = serde_json::from_value(extensions).unwrap();
        let resolved = resolve(trusted, &mut request);
        resolved.map(|()| request.query).map_err(|problem| {
            let extensions = problem.into_errors().remove(0).extensions.unwrap();
            extensions.get("code").unwrap().to_string().replace('"', "")
        })
    }

    fn manifest(id: &str, text: &str) -> Result<Trusted, String> {
        let manifest = json!({ id: text }).to_string();
        Trusted::parse(&manifest).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_hash_is_that_of_everybody() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash(""), empty);
    }

    #[test]
    fn known_documents_run_and_no_others() {
        let prefixed = format!("sha256:{}", hash(TEXT));
        for id in [&prefixed, &hash(TEXT), "d41d8cd98f00b204e9800998ecf8427e"] {
            let trusted = manifest(id, TEXT).unwrap();
            let trusted = Some(&trusted);
            let ran = Ok(TEXT.to_owned());
            assert_eq!(asked(trusted, TEXT, json!({})), ran);
            assert_eq!(asked(trusted, "", json!({ "documentId": id })), ran);
            assert_eq!(asked(trusted, "", json!({ "documentId": prefixed })), ran);
            let persisted = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(TEXT) } });
            assert_eq!(asked(trusted, "", persisted.clone()), ran);
            assert_eq!(asked(trusted, TEXT, persisted.clone()), ran);
            let refused = Err("DOCUMENT_NOT_TRUSTED".to_owned());
            assert_eq!(asked(trusted, "{ viewer { scopes } }", json!({})), refused);
            assert_eq!(asked(trusted, &format!("{TEXT} "), persisted), refused);
            assert_eq!(asked(trusted, "", json!({ "documentId": hash("{a}") })), refused);
            assert_eq!(asked(trusted, "", json!({ "documentId": "" })), refused);
        }
    }

    #[test]
    fn without_a_manifest_documents_are_sent() {
        let named = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash(TEXT) } });
        let refused = Err("PERSISTED_QUERY_NOT_SUPPORTED".to_owned());
        assert_eq!(asked(None, "", named.clone()), refused);
        assert_eq!(asked(None, "{a}", named), Ok("{a}".to_owned()));
        assert_eq!(asked(None, "{a}", json!({})), Ok("{a}".to_owned()));
    }

    #[test]
    fn a_manifest_that_lies_is_refused() {
        assert!(manifest(&hash("{a}"), TEXT).unwrap_err().contains("is not the SHA-256"));
        assert!(manifest("x", "{a").unwrap_err().contains("is not GraphQL"));
        for text in ["[]", "", r#"{"x":1}"#] {
            assert!(Trusted::parse(text).is_err(), "{text}");
        }
    }
}
