//! Texts with variables: `{{ name }}`, or `{{ name | what to say without one }}`.
//!
//! A variable is filled from the subscriber's attributes; [`SITE_NAME`] is the site's own name. One that
//! has no value says its fallback, and without a fallback the text cannot be rendered for that subscriber.
//!
//! **Invariant:** rendering is one pass: what stands in a value or a fallback is text, whatever it looks like.
//! **Invariant:** a rendered text has no character in it that a reader cannot see but those its author wrote.

mod extent;

pub use extent::Extent;

use crate::{
    limits::{FALLBACK_CHARS_MAX, VARIABLE_NAME_CHARS_MAX},
    text::{self, Frame, Measure},
};
use std::{collections::BTreeMap, fmt};

/// The variable that every text has: the site's name. It hides an attribute of that name.
pub const SITE_NAME: &str = "site_name";

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
/// What parts a variable's name from its fallback.
const OTHERWISE: char = '|';
/// Units that one variable is taken to fill at the most: far more than any text may have.
const FILLED_UNITS_MAX: usize = 4_096;

/// A text with variables, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable { name: String, fallback: Option<String> },
}

/// A variable that a text uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether every place that uses it says what to write without a value.
    pub has_fallback: bool,
}

/// Why a text with variables cannot be understood. It reads as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TemplateProblem {
    /// How many characters come before what is wrong.
    pub position: usize,
    /// What is wrong.
    pub kind: TemplateProblemKind,
}

/// What is wrong with a text with variables. It reads as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateProblemKind {
    /// A variable begins and does not end.
    #[error("The text opens a variable with `{{{{` and does not close it with `}}}}`.")]
    NotClosed,
    /// Something ends that did not begin.
    #[error("The text has `}}}}` where no variable is open.")]
    NotOpened,
    /// A variable begins within another.
    #[error("The text opens a variable with `{{{{` inside another.")]
    Nested,
    /// A variable has no name.
    #[error("The text has a variable without a name.")]
    NoName,
    /// A name is not one.
    #[error(
        "`{0}` is not the name of a variable: a name has small letters, digits and underscores, a \
         letter first, and at most {VARIABLE_NAME_CHARS_MAX} characters."
    )]
    BadName(String),
    /// A fallback is too long.
    #[error("The fallback of `{0}` is longer than {FALLBACK_CHARS_MAX} characters.")]
    FallbackTooLong(String),
}

/// A variable has neither a value nor a fallback.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable `{name}` has neither a value nor a fallback")]
pub struct MissingVariable {
    /// The variable.
    pub name: String,
}

impl Template {
    /// Takes a text apart. Names the first thing in it that is wrong.
    pub fn parse(source: &str) -> Result<Self, TemplateProblem> {
        let count = |text: &str| text.chars().count();
        let (mut parts, mut rest, mut passed) = (Vec::new(), source, 0);
        // Every turn takes an opening away from the text, so there are no more turns than characters.
        while let Some((before, after)) = rest.split_once(OPEN) {
            nothing_closes(before, passed)?;
            let opening = passed + count(before);
            let Some((inside, follows)) = after.split_once(CLOSE) else {
                let kind = TemplateProblemKind::NotClosed;
                return Err(TemplateProblem { position: opening, kind });
            };
            if let Some((head, _)) = inside.split_once(OPEN) {
                let position = opening + OPEN.len() + count(head);
                return Err(TemplateProblem { position, kind: TemplateProblemKind::Nested });
            }
            push_text(&mut parts, before);
            let part = variable(inside);
            parts.push(part.map_err(|kind| TemplateProblem { position: opening, kind })?);
            passed = opening + OPEN.len() + count(inside) + CLOSE.len();
            rest = follows;
        }
        nothing_closes(rest, passed)?;
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// The variables used, each once, in order of first appearance.
    pub fn variables(&self) -> Vec<Variable<'_>> {
        let mut found: Vec<Variable<'_>> = Vec::new();
        for part in &self.parts {
            let Part::Variable { name, fallback } = part else { continue };
            let has_fallback = fallback.is_some();
            match found.iter_mut().find(|known| known.name == name) {
                Some(known) => known.has_fallback &= has_fallback,
                None => found.push(Variable { name, has_fallback }),
            }
        }
        found
    }

    /// The values that rendering for a subscriber with these attributes uses: what to keep in order to
    /// render the same text again.
    pub fn values(
        &self,
        attributes: &BTreeMap<String, String>,
        site_name: &str,
    ) -> BTreeMap<String, String> {
        let value = |name: &str| match name {
            SITE_NAME => Some(site_name),
            _ => attributes.get(name).map(String::as_str),
        };
        let used = self.variables().into_iter().filter_map(|variable| {
            let value = text::shown(value(variable.name)?);
            (!text::is_blank(&value)).then(|| (variable.name.to_owned(), value))
        });
        used.collect()
    }

    /// Renders the text with a value for each variable that `value` knows. A value shows as
    /// [`text::shown`] has it; one that shows nothing is none.
    pub fn render<'a>(
        &self,
        value: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<String, MissingVariable> {
        let mut rendered = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => rendered.push_str(text),
                Part::Variable { name, fallback } => {
                    let value = value(name).map(text::shown).filter(|value| !text::is_blank(value));
                    match (value, fallback) {
                        (Some(value), _) => rendered.push_str(&value),
                        (None, Some(fallback)) => rendered.push_str(fallback),
                        (None, None) => return Err(MissingVariable { name: name.clone() }),
                    }
                }
            }
        }
        Ok(rendered)
    }
}

impl Template {
    /// What the text says beside its variables.
    pub fn literal(&self) -> String {
        let literal = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Variable { .. } => None,
        });
        literal.collect()
    }

    /// Billable segments of the text in its frame when every variable has the longest value that
    /// `extent` knows of, or its fallback where that is longer. A single long text can take one more:
    /// where its two-unit characters fall is not known here.
    pub fn longest_segments(&self, frame: &Frame, extent: impl Fn(&str) -> Option<Extent>) -> u32 {
        // What a variable can be: its values, and its fallback.
        let known = |name: &str, fallback: Option<&str>| {
            let fallback = fallback.map(Extent::of).unwrap_or_default();
            extent(name).unwrap_or_default().join(fallback)
        };
        let variables = self.parts.iter().map(|part| match part {
            Part::Text(_) => Extent::default(),
            Part::Variable { name, fallback } => known(name, fallback.as_deref()),
        });
        let septets: Option<Vec<u32>> = variables.clone().map(|extent| extent.septets).collect();
        // One character of either alphabet stands for each unit.
        let (filler, widths) = match septets {
            Some(septets) if text::measure(&frame.compose(&self.literal())).offending.is_none() => {
                ("a", septets)
            }
            _ => ("\u{2019}", variables.map(|extent| extent.units).collect()),
        };
        let mut body = String::new();
        for (part, width) in self.parts.iter().zip(widths) {
            match part {
                Part::Text(text) => body.push_str(text),
                Part::Variable { .. } => {
                    let width = usize::try_from(width).unwrap_or(usize::MAX).min(FILLED_UNITS_MAX);
                    body.push_str(&filler.repeat(width));
                }
            }
        }
        text::measure(&frame.compose(&body)).segments
    }
}

/// The source again, spaced as the documentation spaces it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Variable { name, fallback: None } => write!(f, "{OPEN} {name} {CLOSE}")?,
                Part::Variable { name, fallback: Some(fallback) } => {
                    write!(f, "{OPEN} {name} {OTHERWISE} {fallback} {CLOSE}")?;
                }
            }
        }
        Ok(())
    }
}

/// A message as it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text, the site's prefix and footer included.
    pub text: String,
    /// How it is encoded and billed.
    pub measure: Measure,
}

/// Renders a message whole: the variables filled, the frame around it, and the result measured.
pub fn render(
    template: &Template,
    frame: &Frame,
    values: &BTreeMap<String, String>,
) -> Result<Rendered, MissingVariable> {
    let body = template.render(|name| values.get(name).map(String::as_str))?;
    let text = frame.compose(&body);
    Ok(Rendered { measure: text::measure(&text), text })
}

/// Refuses a close in the text between variables, which begins `passed` characters into the source.
fn nothing_closes(text: &str, passed: usize) -> Result<(), TemplateProblem> {
    let Some((head, _)) = text.split_once(CLOSE) else { return Ok(()) };
    let position = passed + head.chars().count();
    Err(TemplateProblem { position, kind: TemplateProblemKind::NotOpened })
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// What stands between an opening and a close.
fn variable(inside: &str) -> Result<Part, TemplateProblemKind> {
    let (name, fallback) = match inside.split_once(OTHERWISE) {
        Some((name, fallback)) => (name.trim(), Some(fallback.trim())),
        None => (inside.trim(), None),
    };
    if name.is_empty() {
        return Err(TemplateProblemKind::NoName);
    }
    if !is_name(name) {
        let shown = name.chars().take(VARIABLE_NAME_CHARS_MAX).collect();
        return Err(TemplateProblemKind::BadName(shown));
    }
    let name = name.to_owned();
    if fallback.is_some_and(|fallback| fallback.chars().count() > FALLBACK_CHARS_MAX) {
        return Err(TemplateProblemKind::FallbackTooLong(name));
    }
    Ok(Part::Variable { name, fallback: fallback.map(str::to_owned) })
}

/// Whether this can be the name of a variable, and so of a subscriber's attribute.
pub fn is_name(name: &str) -> bool {
    let is_of_names = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_');
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(is_of_names)
        && name.len() <= VARIABLE_NAME_CHARS_MAX
}

/// Values for a preview, where no subscriber stands for all: what people expect of the common names, and
/// for others the name itself.
pub fn sample(name: &str) -> String {
    match name {
        "first_name" => "Alex".to_owned(),
        "last_name" => "Morgan".to_owned(),
        "name" | "full_name" => "Alex Morgan".to_owned(),
        "city" => "Springfield".to_owned(),
        _ => name.replace('_', " "),
    }
}

#[cfg(test)]
mod tests;
