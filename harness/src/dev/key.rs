//! The development key: made once, kept in a file beside the database.

use super::DevError;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use secrecy::{ExposeSecret as _, SecretString};
use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

/// Its file in the data directory.
pub(super) const FILE: &str = "dev-api-key";
/// What it begins with, so that nobody takes it for a real one.
const PREFIX: &str = "sk_dev_";
/// Random bytes of it.
const BYTES: usize = 24;

/// Reads the key, or makes one that only the file's owner may read.
pub(super) fn read_or_make(data_dir: &Path) -> Result<SecretString, DevError> {
    let path = data_dir.join(FILE);
    let failed = |source| DevError::Key { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().into()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let mut bytes = [0_u8; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    let key: SecretString = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into();
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&path).map_err(failed)?;
    writeln!(file, "{}", key.expose_secret()).map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = read_or_make(dir.path()).unwrap();
        assert!(first.expose_secret().starts_with(PREFIX));
        assert_eq!(read_or_make(dir.path()).unwrap().expose_secret(), first.expose_secret());
        assert!(read_or_make(&dir.path().join("missing")).is_err());
    }
}
