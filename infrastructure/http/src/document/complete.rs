//! What follows for every operation from its method, its path and its body, so that no handler repeats it.

use utoipa::openapi::{
    OpenApi, PathItem, Ref, RefOr, Response, Schema,
    path::{Operation, Parameter},
    schema::ArrayItems,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{AUDIT, BEARER, OF_OPERATORS, OWN, parameters, responses, takes, takes_condition};

/// Completes the document.
pub(super) fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "What signing in answers (`access_token`), an API key (`flk_…`), or a JSON Web Token of a trusted issuer with the \
             claims `sub`, `org` (the organization) and `scope` (permissions such as `contacts:read`, separated by spaces; \
             `*` stands for either part). What stands above organizations, `operator:read` and `operator:write`, is granted by \
             a scope that names `operator`: `operator:*`, never `*:*`.",
        ))
        .build();
    components.security_schemes.insert(BEARER.to_owned(), RefOr::T(SecurityScheme::Http(scheme)));
    for (status, name, description) in responses::PROBLEMS {
        components.responses.insert((*name).to_owned(), RefOr::T(responses::problem(status, description)));
    }
    for (name, schema) in &mut components.schemas {
        if let Some(row) = name.strip_prefix("Page_") {
            refer(schema, row);
        }
    }
    for (path, item) in &mut document.paths.paths {
        let PathItem { get, put, post, patch, delete, .. } = item;
        // A search has a body, for want of room in the query.
        let commands = !path.ends_with("/search");
        for (is_command, operation) in [(false, get), (true, put), (commands, post), (true, patch), (true, delete)] {
            if let Some(operation) = operation {
                Completion { path, is_command, operation }.complete();
            }
        }
    }
}

/// Lets a page's rows refer to their schema, of which the derivation of generic types makes a copy.
fn refer(page: &mut RefOr<Schema>, row: &str) {
    if let RefOr::T(Schema::Object(page)) = page
        && let Some(RefOr::T(Schema::Array(rows))) = page.properties.get_mut("data")
    {
        rows.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(row).into()));
    }
}

struct Completion<'o> {
    path: &'o str,
    is_command: bool,
    operation: &'o mut Operation,
}

impl Completion<'_> {
    fn complete(mut self) {
        // The first paragraph is the summary; without a second there is nothing to describe.
        let summary = self.operation.summary.clone();
        self.operation.description.take_if(|description| Some(&*description) == summary.as_ref());
        self.name();
        if self.operation.security.is_some() || self.is_command {
            self.parameters();
            self.problems();
        } else {
            // Nothing is read from the request, but a query is refused.
            let responses = &mut self.operation.responses.responses;
            responses.entry("422".to_owned()).or_insert_with(|| responses::reference("Invalid"));
            if self.path.contains('{') {
                responses.entry("404".to_owned()).or_insert_with(|| responses::reference("NotFound"));
            }
        }
        let (heeds_key, is_counted) = (self.heeds_key(), self.operation.security.is_some());
        for response in self.operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                describe(response, heeds_key, !self.path.ends_with("/batch"), is_counted);
            }
        }
        if let Some(RefOr::T(created)) = self.operation.responses.responses.get_mut("201") {
            created.headers.insert("Location".into(), RefOr::T(responses::header("Where the record is.")));
        }
        // That nothing is demanded is said, too.
        self.operation.security.get_or_insert_default();
    }

    /// `change` of `contacts` becomes `contacts_change`: generated clients want names that are unique.
    fn name(&mut self) {
        let tag = self.operation.tags.iter().flatten().next();
        self.operation.operation_id =
            tag.zip(self.operation.operation_id.as_ref()).map(|(tag, id)| format!("{tag}_{id}"));
    }

    fn has_id(&self) -> bool {
        self.path.contains("{id}")
    }

    /// Whether it is above organizations: no command of a record, and no list of records.
    fn is_of_operators(&self) -> bool {
        self.path.starts_with(OF_OPERATORS)
    }

    /// Whether it is a command of records that may be sent again: one that answers what became of them. What else is answered
    /// is a secret, and shown once; of one's own record the changes say themselves how it is to be.
    fn heeds_key(&self) -> bool {
        let answered = ["200", "201"].iter().filter_map(|status| self.operation.responses.responses.get(*status));
        let receipts = ["Receipt", "BatchAnswer"].map(|name| RefOr::Ref(Ref::from_schema_name(name)));
        let mut bodies = answered.filter_map(|answer| match answer {
            RefOr::T(answer) => match answer.content.get("application/json")? {
                RefOr::T(content) => content.schema.as_ref(),
                RefOr::Ref(_) => None,
            },
            RefOr::Ref(_) => None,
        });
        self.is_command && !self.is_of_operators() && self.path != OWN && bodies.any(|body| receipts.contains(body))
    }

    /// Whether it shows one record.
    fn shows_one(&self) -> bool {
        !self.is_command && (self.path.ends_with("{id}") || self.path == OWN)
    }

    /// Whether it reads what follows the log at a distance.
    fn reads_behind(&self) -> bool {
        let is_log = self.path.ends_with("/events") && !self.has_id();
        let ends = ["/timeline", "/search", "/agenda", "/comments", "/duplicates", "/board"];
        let is_read_model = !self.is_command && ends.iter().any(|end| self.path.ends_with(end));
        is_log || is_read_model || self.path.starts_with(AUDIT) || takes(self.operation, "sort")
    }

    /// Whether the answer is a stream, which reads no list.
    fn goes_on(&self) -> bool {
        let ok = self.operation.responses.responses.get("200");
        matches!(ok, Some(RefOr::T(ok)) if ok.content.contains_key("text/event-stream"))
    }

    fn parameters(&mut self) {
        let mut all: Vec<Parameter> = Vec::new();
        all.extend(self.heeds_key().then(parameters::idempotency_key));
        all.extend(self.shows_one().then(parameters::if_none_match));
        all.extend(self.reads_behind().then(parameters::consistency));
        let own = self.operation.parameters.take().unwrap_or_default();
        all.extend([parameters::request_id(), parameters::trace_parent()]);
        let id = self.has_id().then(parameters::id);
        let name = self.path.contains("{name}").then(parameters::name);
        let place = id.or(name).map(RefOr::T);
        self.operation.parameters = Some(place.into_iter().chain(own).chain(all.into_iter().map(RefOr::T)).collect());
    }

    fn problems(&mut self) {
        let has_body = self.operation.request_body.is_some();
        for (status, name, _) in responses::PROBLEMS {
            let possible = match *status {
                // What stands above organizations is named in queries too.
                "404" => self.path.contains('{') || self.path.ends_with("/parked"),
                "409" => self.is_command || self.goes_on(),
                "413" => self.is_command || has_body,
                "412" => takes_condition(self.operation),
                "415" => has_body,
                _ => true,
            };
            if possible {
                let responses = &mut self.operation.responses.responses;
                responses.entry((*status).to_owned()).or_insert_with(|| responses::reference(name));
            }
        }
    }
}

/// The headers of an answer.
fn describe(response: &mut Response, heeds_key: bool, of_one: bool, is_counted: bool) {
    let mut headers = vec![("X-Request-Id", "The request's name.")];
    if is_counted {
        headers.push(("RateLimit", "How many requests remain, of the organization and of the key."));
        headers.push(("RateLimit-Policy", "How many there may be in which time."));
    }
    if heeds_key {
        headers.extend(of_one.then_some(("ETag", "The record's version, for `If-Match`.")));
        headers.extend([
            ("Fairlead-Consistency", "Send it with a list to see this change there."),
            ("Idempotency-Replayed", "`true` when the answer is the one an earlier request with the same key got."),
        ]);
    }
    for (name, description) in headers {
        response.headers.entry(name.to_owned()).or_insert_with(|| RefOr::T(responses::header(description)));
    }
}
