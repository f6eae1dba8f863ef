//! Text that no `Debug` shows.

use sea_orm::DeriveValueType;
use std::fmt;

/// A token or a signing secret, as its row holds it.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
