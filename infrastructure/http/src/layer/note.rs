//! Notes who asked, for the audit log.

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
    web::Data,
};
use fairlead_application::App;

use crate::{problem::Problem, request::Gate};

/// Has the gate note the request once it is answered.
pub(crate) async fn note<B: MessageBody>(
    app: Data<App>,
    gate: Data<Gate>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let answer = next.call(request).await?;
    let code = answer.response().extensions().get::<Problem>().map(ToString::to_string);
    gate.note(app.fresh(), answer.request(), answer.status(), code);
    Ok(answer)
}
