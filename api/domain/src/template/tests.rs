//! Variables: what is understood, what is refused and where, and that rendering is a single pass.

use super::*;
use crate::text::SmsEncoding;
use proptest::prelude::*;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn rendered(source: &str, pairs: &[(&str, &str)]) -> Result<String, MissingVariable> {
    let frame = Frame::default();
    Ok(render(&Template::parse(source).unwrap(), &frame, &values(pairs))?.text)
}

#[test]
fn variables_are_filled() {
    let given = [("first_name", "Ana"), ("b2", "x")];
    for (source, expected) in [
        ("", ""),
        ("no variable {at} all { { } }", "no variable {at} all { { } }"),
        ("Hi {{ first_name }}!", "Hi Ana!"),
        ("{{first_name}}{{b2}}{{\n first_name\t}}", "AnaxAna"),
        ("Hi {{ first_name | there }}!", "Hi Ana!"),
        ("Hi {{ nick | dear friend }}!", "Hi dear friend!"),
        ("Hi{{ nick | }}!", "Hi!"),
        ("{{ nick | a | b }}", "a | b"),
        ("{{{ nick }}}".trim_matches(['{', '}']), " nick "),
        ("{{ nick | { } }}}", "{ }}"),
    ] {
        assert_eq!(rendered(source, &given).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_malformed_is_refused_where_it_is() {
    use TemplateProblemKind::*;
    let bad = |name: &str| BadName(name.to_owned());
    let long = "a".repeat(VARIABLE_NAME_CHARS_MAX + 1);
    let fallback = "é".repeat(FALLBACK_CHARS_MAX + 1);
    for (source, position, kind) in [
        ("Hi {{", 3, NotClosed),
        ("日本 {{name}", 3, NotClosed),
        ("Hi }} {{ name }}", 3, NotOpened),
        ("{{ name }} }}", 11, NotOpened),
        ("{{ name }}}}", 10, NotOpened),
        ("{{ a {{ b }} }}", 5, Nested),
        ("{{ a | {{ b }} }}", 7, Nested),
        ("é{{}}", 1, NoName),
        ("{{ | there }}", 0, NoName),
        ("{{ Name }}", 0, bad("Name")),
        ("{{ 1st }}", 0, bad("1st")),
        ("{{ first name }}", 0, bad("first name")),
        ("{{ naïve }}", 0, bad("naïve")),
        ("{{{name}}}", 0, bad("{name")),
        (&format!("{{{{ {long} }}}}"), 0, bad(&long[1..])),
        (&format!("x{{{{ a | {fallback} }}}}"), 1, FallbackTooLong("a".to_owned())),
    ] {
        let problem = Template::parse(source).unwrap_err();
        assert_eq!(problem, TemplateProblem { position, kind }, "{source}");
        assert!(problem.to_string().ends_with('.'), "{problem}");
    }
    let longest = format!("{{{{{}|{}}}}}", &long[1..], "é".repeat(FALLBACK_CHARS_MAX));
    assert!(Template::parse(&longest).is_ok());
}

/// A value that is absent, empty, blank or made of what cannot be seen is none.
#[test]
fn a_missing_value_is_named() {
    for given in [&[][..], &[("a", "")], &[("a", "  \n ")], &[("a", "\u{200b}\u{7}")]] {
        let missing = MissingVariable { name: "a".to_owned() };
        assert_eq!(rendered("{{ b | x }} {{ a }}", given), Err(missing), "{given:?}");
        assert_eq!(rendered("[{{ a | y }}]", given).as_deref(), Ok("[y]"), "{given:?}");
    }
}

#[test]
fn variables_are_listed_once() {
    let template = Template::parse("{{ b | x }}{{ a }}{{ b }}{{ c | }}").unwrap();
    let variable = |name, has_fallback| Variable { name, has_fallback };
    let expected = [variable("b", false), variable("a", false), variable("c", true)];
    assert_eq!(template.variables(), expected);
}

/// Values and fallbacks are inert, and show nothing that cannot be seen.
#[test]
fn values_are_text() {
    let given = [("a", "{{ b | boo }}"), ("b", "secret"), ("c", "x\u{202e}y\u{0}\r\nz\t!")];
    assert_eq!(rendered("{{ a }} }{{ c }}", &given).as_deref(), Ok("{{ b | boo }} }xy z !"));
    assert_eq!(rendered("{{ a }}{{ a }}", &[("a", "{{")]).as_deref(), Ok("{{{{"));
}

#[test]
fn the_values_used_are_all_that_rendering_needs() {
    let template = Template::parse("{{ site_name }}: {{ a | x }} {{ b | y }} {{ c | z }}").unwrap();
    let attributes = values(&[("a", "1\n2"), ("b", " "), ("d", "4"), ("site_name", "Evil")]);
    let used = template.values(&attributes, "Acme");
    assert_eq!(used, values(&[("a", "1 2"), ("site_name", "Acme")]));
    let rendered = render(&template, &Frame::default(), &used).unwrap();
    assert_eq!(rendered.text, "Acme: 1 2 y z");
}

/// The frame is put around the text, counted, and takes no variables.
#[test]
fn a_frame_is_counted() {
    let frame = Frame {
        prefix: Some("Acme {{ a }}".to_owned()),
        footer: Some("Reply STOP to opt out".to_owned()),
    };
    let template = Template::parse(&"x".repeat(160)).unwrap();
    let framed = render(&template, &frame, &values(&[("a", "b")])).unwrap();
    assert!(framed.text.starts_with("Acme {{ a }}: xx"), "{}", framed.text);
    assert!(framed.text.ends_with("xx\nReply STOP to opt out"), "{}", framed.text);
    assert_eq!((framed.measure.encoding, framed.measure.segments), (SmsEncoding::Gsm7, 2));
    // An escape and a septet for each brace.
    assert_eq!(framed.measure.units, 12 + 4 + 2 + 160 + 22);
}

fn segments(source: &str, frame: &Frame, known: &[(&str, Extent)]) -> u32 {
    let extent = |name: &str| known.iter().find(|(known, _)| *known == name).map(|(_, it)| *it);
    Template::parse(source).unwrap().longest_segments(frame, extent)
}

#[test]
fn the_longest_text_is_foreseen() {
    let frame = Frame { prefix: None, footer: Some("x".repeat(9)) };
    let gsm = |septets| ("a", Extent { septets: Some(septets), units: septets });
    let wide = |units| ("a", Extent { septets: None, units });
    let hundred = "x".repeat(100);
    let source = format!("{hundred}{{{{ a | {hundred} }}}}");
    for (source, known, expected) in [
        (format!("{hundred}{{{{ a }}}}"), gsm(50), 1),
        (format!("{hundred}{{{{ a }}}}"), gsm(51), 2),
        (format!("{hundred}{{{{ a }}}}"), ("b", gsm(500).1), 1),
        (format!("{hundred}{{{{ a }}}}"), wide(1), 2),
        (format!("{hundred}{{{{ a }}}}"), wide(67 * 3 - 110), 3),
        (format!("{hundred}{{{{ a }}}}"), wide(67 * 3 - 109), 4),
        (format!("{hundred}’{{{{ a }}}}"), gsm(67 * 2 - 111), 2),
        (format!("{hundred}’{{{{ a }}}}"), gsm(67 * 2 - 110), 3),
        // The fallback is longer than any value, and then it is not of GSM.
        (source, gsm(10), 2),
        (format!("{hundred}{{{{ a | é’ }}}}"), gsm(22), 2),
        (format!("{hundred}{{{{ a | é’ }}}}"), gsm(25), 3),
    ] {
        assert_eq!(segments(&source, &frame, &[known]), expected, "{source} {known:?}");
    }
}

#[test]
fn an_extent_is_that_of_what_is_shown() {
    assert_eq!(Extent::of("a€\n\u{200b}"), Extent { septets: Some(4), units: 3 });
    assert_eq!(Extent::of("😀"), Extent { septets: None, units: 2 });
    assert_eq!(Extent::of(""), Extent::default());
    let both = Extent::of("abc").join(Extent::of("’"));
    assert_eq!(both, Extent { septets: None, units: 3 });
}

#[test]
fn samples_are_values() {
    assert_eq!(sample("first_name"), "Alex");
    assert_eq!(sample("loyalty_points"), "loyalty points");
    assert!(is_name("a") && is_name("a_1") && !is_name("") && !is_name("_a") && !is_name("1a"));
}

proptest! {
    /// Goal: no text makes the parser panic or lose a character. Method: any text; what parses is
    /// written again, read again, and is the same.
    #[test]
    fn what_parses_is_kept(source in "([a-z{}| é\u{1f600}]|\\{\\{|\\}\\}|\\{\\{ a \\| ){0,40}") {
        match Template::parse(&source) {
            Ok(template) => {
                let again = template.to_string();
                prop_assert_eq!(Template::parse(&again).unwrap(), template, "{}", again);
            }
            Err(problem) => prop_assert!(problem.position < source.chars().count()),
        }
    }

    /// Goal: no subscriber's text is longer than foreseen. Method: values of one-unit characters within
    /// the extent.
    #[test]
    fn no_text_is_longer_than_foreseen(
        literal in "[aé’]{0,80}",
        values in prop::collection::vec("[a-zé]{0,60}|[a日]{0,60}", 1..4),
        fallback in "[a日]{0,20}",
    ) {
        let source = format!("{literal}{{{{ a | {fallback} }}}} {{{{ a | x }}}}");
        let template = Template::parse(&source).unwrap();
        let frame = Frame { prefix: Some("Acme".to_owned()), footer: None };
        let extent = values.iter().map(|value| Extent::of(value)).reduce(Extent::join);
        let foreseen = template.longest_segments(&frame, |_| extent);
        for value in values.iter().map(String::as_str).chain([""]) {
            let text = frame.compose(&template.render(|_| Some(value)).unwrap());
            prop_assert!(text::measure(&text).segments <= foreseen, "{}", text);
        }
    }

    /// Goal: a value never becomes more than text. Method: any value shows as it is shown alone.
    #[test]
    fn any_value_is_inert(value in "\\PC{0,40}|[{}| a-z\u{200b}\u{200d}\n]{0,40}") {
        let template = Template::parse("<{{ a | }}>{{ a | }}").unwrap();
        let shown = template.render(|_| Some(&value)).unwrap();
        let expected = text::shown(&value);
        let expected = if text::is_blank(&expected) { "" } else { &expected };
        prop_assert_eq!(shown, format!("<{expected}>{expected}"));
    }
}
