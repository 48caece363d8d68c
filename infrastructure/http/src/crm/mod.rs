//! Customer relations over HTTP.

mod companies;
mod companies_dto;
mod contacts;
mod contacts_batch;
mod contacts_dto;
mod contacts_shown;
mod values;

use utoipa_actix_web::service_config::ServiceConfig;

/// The routes of this context, below `/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(contacts::routes).configure(companies::routes);
}
