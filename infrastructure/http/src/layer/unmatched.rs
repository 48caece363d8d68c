//! Answers for what no route takes: a method that the path does not know, or an unknown path.

use actix_web::{HttpRequest, web::Data};
use fairlead_domain::kernel::ErrorKind;

use super::Routes;
use crate::problem::{Problem, wrong_method};

/// 405 or 404.
pub(crate) async fn unmatched(routes: Data<Routes>, request: HttpRequest) -> Result<&'static str, Problem> {
    Err(routes.methods(request.path()).map_or_else(
        || Problem::new(ErrorKind::NotFound, "route.not_found", "there is nothing at this path"),
        |methods| wrong_method(&methods),
    ))
}
