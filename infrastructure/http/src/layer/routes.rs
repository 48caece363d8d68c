//! What the document says of every route, for the layers that answer in a handler's stead.

use actix_web::dev::ResourceDef;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
};

use crate::document::{operations, takes_condition, takes_key};

/// Every path with the methods it knows.
pub(crate) struct Routes(Vec<(ResourceDef, Vec<Route>)>);

/// What an operation reads.
pub(super) struct Route {
    method: &'static str,
    /// Whether it knows query parameters.
    pub(super) takes_query: bool,
    /// Whether it reads a body.
    pub(super) takes_body: bool,
    /// Whether it heeds `If-Match`.
    pub(super) takes_condition: bool,
    /// Whether it heeds `Idempotency-Key`.
    pub(super) takes_key: bool,
}

impl Routes {
    /// As the document says.
    pub(crate) fn new(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().map(|(path, item)| {
            let routes = operations(item).map(|(method, operation)| Route {
                method,
                takes_query: takes_query(operation),
                takes_body: operation.request_body.is_some(),
                takes_condition: takes_condition(operation),
                takes_key: takes_key(operation),
            });
            (ResourceDef::new(path.as_str()), routes.collect())
        });
        Self(paths.collect())
    }

    /// The methods that a path knows, for `Allow`.
    pub(super) fn methods(&self, path: &str) -> Option<String> {
        let names = self.at(path)?.iter().map(|route| if route.method == "GET" { "GET, HEAD" } else { route.method });
        Some(names.collect::<Vec<_>>().join(", "))
    }

    /// The route that takes a request.
    pub(super) fn of(&self, method: &str, path: &str) -> Option<&Route> {
        self.at(path)?.iter().find(|route| route.method == method)
    }

    fn at(&self, path: &str) -> Option<&[Route]> {
        self.0.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, routes)| &**routes)
    }
}

fn takes_query(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(
        |parameter| matches!(parameter, RefOr::T(parameter) if matches!(parameter.parameter_in, ParameterIn::Query)),
    )
}
