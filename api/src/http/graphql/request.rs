//! The parameters of a request, as a POST body or a `subscribe` message holds them.
use super::{
    problem::Problem,
    trusted::{self, DOCUMENT_ID},
};
use async_graphql::{Request, Variables};
use serde_json::{Map, Value as Json};

/// The request in these bytes of JSON.
pub(super) fn parse(bytes: &[u8]) -> Result<Request, Problem> {
    let json = serde_json::from_slice(bytes).map_err(|fault| {
        // Only where it broke: the text around it may hold values.
        let (line, column) = (fault.line(), fault.column());
        Problem::ill_formed(format!("The body is not JSON (line {line}, column {column})."))
    })?;
    from_json(json)
}

/// The request in the parameters of a URL. An empty one counts as none.
pub(super) fn from_parameters(parameters: Vec<(String, String)>) -> Result<Request, Problem> {
    let mut members = Map::new();
    for (name, value) in parameters {
        let value = match name.as_str() {
            _ if value.is_empty() => continue,
            "query" | "operationName" | DOCUMENT_ID => Json::String(value),
            "variables" | "extensions" => serde_json::from_str(&value)
                .map_err(|_fault| Problem::ill_formed(format!("`{name}` must be JSON.")))?,
            _ => continue,
        };
        if members.insert(name.clone(), value).is_some() {
            return Err(Problem::ill_formed(format!("`{name}` is given twice.")));
        }
    }
    from_json(Json::Object(members))
}

/// The request in this JSON object.
pub(super) fn from_json(json: Json) -> Result<Request, Problem> {
    let Json::Object(mut members) = json else {
        let array = "Send one request: a JSON object. Batches are not served.";
        return Err(Problem::ill_formed(array));
    };
    let (query, id) = (string(&mut members, "query")?, string(&mut members, DOCUMENT_ID)?);
    let operation_name = string(&mut members, "operationName")?.filter(|name| !name.is_empty());
    let variables = object(&mut members, "variables")?;
    let mut extensions = object(&mut members, "extensions")?;
    if let (Some(id), Some(members)) = (id, extensions.as_object_mut()) {
        members.insert(DOCUMENT_ID.to_owned(), Json::String(id));
    }
    let query = match query {
        Some(query) => query,
        None if trusted::is_named(&extensions) => String::new(),
        None => return Err(Problem::ill_formed("`query` is required.")),
    };
    let mut request = Request::new(query).variables(Variables::from_json(variables));
    request.operation_name = operation_name;
    request.extensions = serde_json::from_value(extensions).map_err(|fault| {
        tracing::debug!(%fault, "extensions that cannot be read");
        Problem::ill_formed("`extensions` cannot be read.")
    })?;
    Ok(request)
}

fn string(members: &mut Map<String, Json>, name: &str) -> Result<Option<String>, Problem> {
    match members.remove(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::ill_formed(format!("`{name}` must be a string."))),
    }
}

/// The member as an object, an empty one when it is absent or null.
fn object(members: &mut Map<String, Json>, name: &str) -> Result<Json, Problem> {
    match members.remove(name) {
        None | Some(Json::Null) => Ok(Json::Object(Map::new())),
        Some(object @ Json::Object(_)) => Ok(object),
        Some(_) => Err(Problem::ill_formed(format!("`{name}` must be an object."))),
    }
}

#[cfg(test)]
mod tests {
    use super::{from_parameters, parse};
    use async_graphql::{Name, Value};

    fn refusal(body: &str) -> String {
        parse(body.as_bytes()).unwrap_err().into_errors().remove(0).message
    }

    #[test]
    fn reads_all_four_parameters() {
        let body =
            r#"{"query":"{a}","operationName":"A","variables":{"n":"x"},"extensions":{"k":1}}"#;
        let request = parse(body.as_bytes()).unwrap();
        assert_eq!(request.query, "{a}");
        assert_eq!(request.operation_name.as_deref(), Some("A"));
        assert_eq!(request.variables.get(&Name::new("n")), Some(&Value::from("x")));
        assert_eq!(request.extensions.get("k"), Some(&Value::from(1)));
    }

    #[test]
    fn a_document_may_be_named() {
        let persisted = r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"aa"}}}"#;
        assert_eq!(parse(persisted.as_bytes()).unwrap().query, "");
        let named = parse(br#"{"documentId":"sha256:aa"}"#).unwrap();
        assert_eq!(named.extensions.get("documentId"), Some(&Value::from("sha256:aa")));
        assert_eq!(refusal(r#"{"documentId":1}"#), "`documentId` must be a string.");
        assert_eq!(refusal(r#"{"extensions":{"persistedQuery":{}}}"#), "`query` is required.");
    }

    #[test]
    fn absent_null_and_empty_are_alike() {
        let body = r#"{"query":"{a}","operationName":"","variables":null,"extensions":null}"#;
        let request = parse(body.as_bytes()).unwrap();
        assert_eq!(request.operation_name, None);
        assert!(request.variables.is_empty() && request.extensions.is_empty());
    }

    #[test]
    fn reads_the_parameters_of_a_url() {
        let read = |pairs: &[(&str, &str)]| {
            let owned = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            from_parameters(owned).map_err(|problem| problem.into_errors().remove(0).message)
        };
        let request =
            read(&[("query", "{a}"), ("variables", r#"{"n":1}"#), ("other", "x")]).unwrap();
        assert_eq!(request.variables.get("n"), Some(&Value::from(1)));
        let empty = [("query", "{a}"), ("variables", ""), ("operationName", "")];
        assert!(read(&empty).unwrap().variables.is_empty());
        for (pairs, words) in [
            (vec![], "`query` is required."),
            (vec![("query", "{a}"), ("query", "{b}")], "`query` is given twice."),
            (vec![("query", "{a}"), ("variables", "{")], "`variables` must be JSON."),
            (vec![("query", "{a}"), ("variables", "[]")], "`variables` must be an object."),
            (vec![("query", "{a}"), ("extensions", "1")], "`extensions` must be an object."),
        ] {
            assert_eq!(read(&pairs).unwrap_err(), words);
        }
    }

    #[test]
    fn refuses_what_is_not_well_formed() {
        assert_eq!(refusal("{"), "The body is not JSON (line 1, column 1).");
        assert!(refusal("[]").contains("Batches"));
        assert!(refusal(r#"[{"query":"{a}"}]"#).contains("Batches"));
        assert_eq!(refusal("{}"), "`query` is required.");
        assert_eq!(refusal(r#"{"query":1}"#), "`query` must be a string.");
        assert_eq!(
            refusal(r#"{"query":"{a}","operationName":[]}"#),
            "`operationName` must be a string."
        );
        assert_eq!(refusal(r#"{"query":"{a}","variables":[]}"#), "`variables` must be an object.");
        assert_eq!(
            refusal(r#"{"query":"{a}","extensions":"x"}"#),
            "`extensions` must be an object."
        );
    }
}
