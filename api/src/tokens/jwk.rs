//! The public keys of a JSON Web Key Set (RFC 7517), each with its one algorithm.
//!
//! **Invariant:** only public keys of asymmetric algorithms are kept. What is meant for encryption, or for an
//! algorithm that is not ours, is passed over, as the standard asks.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use std::{collections::HashMap, fmt};

/// Keys of one file.
const KEYS_MAX: usize = 32;
/// Characters of a key's id.
const KEY_ID_CHARS_MAX: usize = 256;
/// Bytes of an RSA modulus: 2,048 to 4,096 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
/// Bytes of an RSA exponent, which is 65,537 nearly everywhere.
const EXPONENT_BYTES_MAX: usize = 8;
/// Bytes of a coordinate of P-256, and of a key of Ed25519.
const COORDINATE_BYTES: usize = 32;
/// What stands before the coordinates of a point that is written out.
const UNCOMPRESSED: u8 = 4;

/// The algorithms that are taken: asymmetric ones alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// As tokens and keys name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// Why a text is no set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// It is no JSON Web Key Set.
    #[error("it is no JSON Web Key Set")]
    Form,
    /// It has more keys than are kept.
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
    /// A key that could be used has no id, or one that is too long.
    #[error("key {0} has no `kid`, or one of more than {KEY_ID_CHARS_MAX} characters")]
    Id(usize),
    /// Two keys have one id.
    #[error("the `kid` of key {0} is another key's too")]
    Twice(usize),
    /// A key is not what its kind says.
    #[error("key {0} is not of the form that its `kty` asks for")]
    Key(usize),
    /// A secret is in a file of public keys.
    #[error("key {0} is private: the file must hold public keys alone")]
    Private(usize),
    /// No key can be used.
    #[error("none of its keys is for signatures with RS256, ES256 or EdDSA")]
    None,
}

/// A key as it is written.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<Written>,
}

/// The keys, by their ids.
#[derive(Debug)]
pub(super) struct Keys(HashMap<String, Key>);

/// A public key.
pub(super) struct Key {
    algorithm: Algorithm,
    /// The key itself; of RSA, the modulus.
    bytes: Vec<u8>,
    /// Of RSA alone.
    exponent: Vec<u8>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Keys {
    /// The keys of a set.
    pub(super) fn parse(text: &str) -> Result<Self, BadKeys> {
        // What is wrong with it would be told with words of the file.
        let set: WrittenSet = serde_json::from_str(text).map_err(|_form| BadKeys::Form)?;
        if set.keys.len() > KEYS_MAX {
            return Err(BadKeys::TooMany);
        }
        let mut keys = HashMap::new();
        for (at, written) in set.keys.iter().enumerate() {
            let Some(algorithm) = written.algorithm() else { continue };
            if written.d.is_some() || written.k.is_some() {
                return Err(BadKeys::Private(at));
            }
            let id = written.kid.clone().filter(|id| (1..=KEY_ID_CHARS_MAX).contains(&id.len()));
            let id = id.ok_or(BadKeys::Id(at))?;
            let key = written.key(algorithm).ok_or(BadKeys::Key(at))?;
            if keys.insert(id, key).is_some() {
                return Err(BadKeys::Twice(at));
            }
        }
        if keys.is_empty() { Err(BadKeys::None) } else { Ok(Self(keys)) }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key of this id.
    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.0.get(id)
    }
}

impl Written {
    /// What it is for; none when that is nothing of ours.
    fn algorithm(&self) -> Option<Algorithm> {
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Algorithm::Rs256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return None,
        };
        let is_named = self.alg.as_deref().is_none_or(|name| name == algorithm.name());
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = |all: &Vec<String>| all.iter().any(|one| one == "verify");
        let may = self.key_ops.as_ref().is_none_or(verifies);
        (is_named && signs && may).then_some(algorithm)
    }

    fn key(&self, algorithm: Algorithm) -> Option<Key> {
        let coordinate = |text| decoded(text).filter(|bytes| bytes.len() == COORDINATE_BYTES);
        let (bytes, exponent) = match algorithm {
            Algorithm::Rs256 => {
                let modulus =
                    decoded(self.n.as_deref()).filter(|n| MODULUS_BYTES.contains(&n.len()))?;
                let exponent = decoded(self.e.as_deref())
                    .filter(|e| (1..=EXPONENT_BYTES_MAX).contains(&e.len()))?;
                (modulus, exponent)
            }
            Algorithm::Es256 => {
                let mut point = vec![UNCOMPRESSED];
                point.extend(coordinate(self.x.as_deref())?);
                point.extend(coordinate(self.y.as_deref())?);
                (point, Vec::new())
            }
            Algorithm::EdDsa => (coordinate(self.x.as_deref())?, Vec::new()),
        };
        Some(Key { algorithm, bytes, exponent })
    }
}

fn decoded(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

impl Key {
    /// The one algorithm that it is for.
    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is that of `message` under it.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let bytes = self.bytes.as_slice();
        let verified = match self.algorithm {
            Algorithm::Rs256 => {
                let key = RsaPublicKeyComponents { n: bytes, e: self.exponent.as_slice() };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Algorithm::Es256 => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes).verify(message, signature)
            }
            Algorithm::EdDsa => UnparsedPublicKey::new(&ED25519, bytes).verify(message, signature),
        };
        verified.is_ok()
    }
}
