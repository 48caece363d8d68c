//! Customer relations over HTTP.

mod activities;
mod activities_dto;
mod agenda;
mod attachments_dto;
mod comments;
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
    config.configure(activities::routes).configure(comments::routes);
}
