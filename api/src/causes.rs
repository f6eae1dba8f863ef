//! The causes of an error, for the one place that logs it.

use std::error::Error;

/// Causes of one error that are told.
const CAUSES_MAX: usize = 8;

/// What led to `error`, outermost first, joined by colons; `error` itself is left out.
pub fn chain(error: &dyn Error) -> String {
    let (mut text, mut next) = (String::new(), error.source());
    for _ in 0..CAUSES_MAX {
        let Some(cause) = next else { break };
        let told = cause.to_string();
        // Drivers tell their own causes: each is told once.
        if !text.ends_with(&told) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&told);
        }
        next = cause.source();
    }
    text
}

/// `error` and what led to it, on one line: what a person at a terminal is told.
pub fn line(error: &dyn Error) -> String {
    let causes = chain(error);
    let text = if causes.is_empty() { error.to_string() } else { format!("{error}: {causes}") };
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner,\non two lines")]
    struct Inner;

    #[test]
    fn causes_follow_in_order_on_one_line() {
        assert_eq!(line(&Outer(Inner)), "outer: inner, on two lines");
        assert_eq!(chain(&Inner), "");
    }
}
