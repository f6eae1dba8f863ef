//! bootstrap
pub(super) const ZONES: [&str; 0] = [];
pub(super) const PLACES: [(&str, &[u16]); 0] = [];
pub(super) const AREA_CODES: [u16; 800] = [0; 800];
pub(super) const CALLING_CODES: [(&str, u16); 0] = [];
pub(super) const CALLING_CODE_DIGITS_MAX: usize = 7;
pub(super) const ZIP_PREFIXES: [u16; 1000] = [0; 1000];
pub(super) const ZIP_CODES: [(&str, u16); 0] = [];
pub(super) const CANADA: [(&str, u16); 0] = [];
