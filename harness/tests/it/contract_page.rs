//! docs/aggregator-contract.md as strangers read it: its worked example must come out.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Goal: whoever follows the page signs as we do. Method: read the example's parts from the page and
/// sign them by its three steps.
#[test]
fn the_worked_signature_comes_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/aggregator-contract.md");
    let page = fs::read_to_string(path).unwrap();
    let cell = |name: &str| {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| {name} | `")));
        row.and_then(|rest| rest.split('`').next()).unwrap()
    };
    let body = page.split("```json\n").nth(1).and_then(|rest| rest.lines().next()).unwrap();
    let key = STANDARD.decode(cell("secret").strip_prefix("whsec_").unwrap()).unwrap();
    let (id, timestamp) = (cell("`webhook-id`"), cell("`webhook-timestamp`"));

    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());

    assert!(page.contains(&format!("webhook-signature: v1,{signature}\n")), "{signature}");
    assert!(page.contains(&format!("({} bytes", body.len())), "{} bytes", body.len());
    assert!(page.contains(&format!("`{}`", String::from_utf8(key).unwrap())));
}
