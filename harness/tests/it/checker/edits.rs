//! Changing journals.
//!
//! **Invariant:** whatever is changed, the journal stays one: its lines are numbered and its time goes forward.

use serde_json::{Value, json};

/// By how much the monotonic time is stretched, so that something fits between any two lines.
const STRETCH: u64 = 64;

/// A journal, line by line.
pub(crate) struct Journal {
    pub(crate) lines: Vec<Value>,
}

impl Journal {
    pub(crate) fn read(text: &str) -> Self {
        let mut lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in &mut lines {
            stretch(line);
        }
        Self { lines }
    }

    /// As text, numbered anew.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (n, line) in self.lines.iter().enumerate() {
            let mut line = line.clone();
            line["n"] = json!(n);
            text.push_str(&line.to_string());
            text.push('\n');
        }
        text
    }

    /// The places of all facts of a kind, in order.
    pub(crate) fn all(&self, kind: &str) -> Vec<usize> {
        let places = 0..self.lines.len();
        places.filter(|at| self.lines[*at]["fact"].get(kind).is_some()).collect()
    }

    /// The places of the facts of a kind whose field has that value.
    pub(crate) fn with(&self, kind: &str, field: &str, value: &Value) -> Vec<usize> {
        let all = self.all(kind).into_iter();
        all.filter(|at| self.lines[*at]["fact"][kind].get(field) == Some(value)).collect()
    }

    /// The place of the first fact of a kind whose field has that value.
    pub(crate) fn first(&self, kind: &str, field: &str, value: &Value) -> usize {
        *self
            .with(kind, field, value)
            .first()
            .unwrap_or_else(|| panic!("no {kind} {field} {value}"))
    }

    /// The fact at a place.
    pub(crate) fn fact(&mut self, at: usize) -> &mut Value {
        let facts = self.lines[at]["fact"].as_object_mut().unwrap();
        facts.values_mut().next().unwrap()
    }

    /// Sets a field of the fact at a place.
    pub(crate) fn set(&mut self, at: usize, field: &str, value: &Value) {
        self.fact(at)[field] = value.clone();
    }

    /// Puts facts in after a place, a microsecond of the stretched time apart, at the same civil instant.
    pub(crate) fn insert(&mut self, after: usize, facts: &[Value]) {
        for (step, fact) in (1_u64..).zip(facts) {
            let mut line = self.lines[after].clone();
            line["us"] = json!(line["us"].as_u64().unwrap() + step);
            line["fact"] = fact.clone();
            self.lines.insert(after + usize::try_from(step).unwrap(), line);
        }
    }

    /// Takes a line out; answers its fact.
    pub(crate) fn remove(&mut self, at: usize) -> Value {
        self.lines.remove(at)["fact"].clone()
    }

    /// The places of the lines of one request.
    pub(crate) fn request(&self, req: &Value) -> Vec<usize> {
        let kinds = ["begun", "read", "decided", "answered"];
        let mut places: Vec<usize> =
            kinds.iter().flat_map(|kind| self.with(kind, "req", req)).collect();
        places.sort_unstable();
        places
    }

    /// The facts of one request as another: a number, a key, a reference and an id of its own.
    pub(crate) fn another(&self, req: &Value, number: u64) -> Vec<Value> {
        let places = self.request(req);
        let mut facts: Vec<Value> =
            places.iter().map(|at| self.lines[*at]["fact"].clone()).collect();
        for fact in &mut facts {
            let fact = fact.as_object_mut().unwrap().values_mut().next().unwrap();
            fact["req"] = json!(number);
            for field in ["key", "reference", "id"] {
                if fact.get(field).is_some() {
                    fact[field] = json!(format!("{field}-{number}"));
                }
            }
        }
        facts
    }

    /// The number of the request that was read as the `nth` to a phone.
    pub(crate) fn req_to(&self, phone: &str, nth: usize) -> Value {
        let at = self.with("read", "to", &json!(phone))[nth];
        self.lines[at]["fact"]["read"]["req"].clone()
    }

    /// The place of the row of a phone's message of one step.
    pub(crate) fn row(&self, phone: &str, position: u64) -> usize {
        let rows = self.with("row", "phone", &json!(phone)).into_iter();
        let mut rows =
            rows.filter(|at| self.lines[*at]["fact"]["row"]["position"] == json!(position));
        rows.next().unwrap()
    }

    /// Moves the civil time of every line of a request.
    pub(crate) fn shift(&mut self, req: &Value, ms: i64) {
        for at in self.request(req) {
            let moved = self.lines[at]["at_ms"].as_i64().unwrap() + ms;
            self.lines[at]["at_ms"] = json!(moved);
        }
    }
}

fn stretch(line: &mut Value) {
    let stretched = |value: &Value| value.as_u64().map(|us| json!(us * STRETCH));
    if let Some(us) = stretched(&line["us"]) {
        line["us"] = us;
    }
    for fact in line["fact"].as_object_mut().unwrap().values_mut() {
        if let Some(us) = fact.get("began_us").and_then(stretched) {
            fact["began_us"] = us;
        }
    }
}
