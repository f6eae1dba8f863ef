//! The words of a document, counted before it is parsed: the parser recurses on brackets before any
//! limit of its own is asked, and what comes after it goes as deep again.
//!
//! **Invariant:** one pass, whatever the document is.

/// What a look at a document's words tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// How deep the brackets of any kind go, those in strings and comments aside.
    pub(super) nesting: usize,
    /// Names, numbers, strings and signs.
    pub(super) tokens: usize,
}

/// Looks at the words of `document`. `None` when a string has no end: what follows could be read in
/// several ways.
pub(super) fn scan(document: &str) -> Option<Scan> {
    let (mut found, mut depth) = (Scan::default(), 0_usize);
    let mut rest = document;
    while let Some(first) = rest.bytes().next() {
        rest = match first {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                rest = rest.get(1..)?;
                continue;
            }
            b'#' => {
                rest = rest.find(['\n', '\r']).and_then(|end| rest.get(end..)).unwrap_or_default();
                continue;
            }
            b'"' => after_string(rest)?,
            b'{' | b'[' | b'(' => {
                depth = depth.saturating_add(1);
                found.nesting = found.nesting.max(depth);
                rest.get(1..)?
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                rest.get(1..)?
            }
            b'.' => rest.trim_start_matches('.'),
            _ => after_word(rest)?,
        };
        found.tokens = found.tokens.saturating_add(1);
    }
    Some(found)
}

/// What follows the name, the number or the sign that `rest` begins with.
fn after_word(rest: &str) -> Option<&str> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    let end = rest.find(|c| !is_inside(c)).unwrap_or(rest.len());
    if end > 0 {
        return rest.get(end..);
    }
    let sign = rest.chars().next()?;
    rest.get(sign.len_utf8()..)
}

/// What follows the string or block string that `rest` begins with.
fn after_string(rest: &str) -> Option<&str> {
    if let Some(mut body) = rest.strip_prefix("\"\"\"") {
        loop {
            let here = body.get(body.find(['\\', '"'])?..)?;
            if let Some(after) = here.strip_prefix("\"\"\"") {
                return Some(after);
            }
            body = here.strip_prefix("\\\"\"\"").or_else(|| here.get(1..))?;
        }
    }
    let mut body = rest.get(1..)?;
    loop {
        let here = body.get(body.find(['\\', '"', '\n', '\r'])?..)?;
        let mut characters = here.chars();
        match characters.next()? {
            '"' => return Some(characters.as_str()),
            '\\' => {
                characters.next()?;
            }
            _ => return None,
        }
        body = characters.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::scan;

    fn nesting(document: &str) -> Option<usize> {
        scan(document).map(|found| found.nesting)
    }

    #[test]
    fn nesting_looks_past_strings_and_comments() {
        assert_eq!(nesting("{a(b:[[1]]){c}}"), Some(4));
        assert_eq!(nesting("{a(b:\"}}}{{{{{\\\"{{\"){c}}"), Some(2));
        assert_eq!(nesting("{a(b:\"\"\"{{{{\" \\\"\"\" {{ \"\"\")}"), Some(2));
        assert_eq!(nesting("{a(b:\"\"\" \\\"\"\\\"\"\" {{{ \"\"\")}"), Some(2));
        assert_eq!(nesting("{a # {{{{{\n b}"), Some(1));
        assert_eq!(nesting("\"é\\é{\"{"), Some(1));
        assert_eq!(nesting("[\"\"\"never ended\" {{{"), None);
        assert_eq!(nesting("\"ended by a line\n{{{\""), None);
    }

    #[test]
    fn tokens_are_words_numbers_strings_and_signs() {
        for (document, tokens) in [
            ("", 0),
            ("{a}", 3),
            ("{ a, b , c }", 5),
            ("query A($n: Int! = -1) { a(n: $n) @skip(if: true) { ...F } } # {a b c}", 31),
            ("{a(t: \"one two\" u: \"\"\"three { four\"\"\")}", 11),
            ("é€{", 3),
        ] {
            assert_eq!(scan(document).unwrap().tokens, tokens, "{document}");
        }
    }
}
