//! Customer relations over HTTP.

mod activities;
mod activities_batch;
mod activities_dto;
mod agenda;
mod attachments_dto;
mod board;
mod comments;
mod companies;
mod companies_batch;
mod companies_dto;
mod contact_lists;
mod contacts;
mod contacts_batch;
mod contacts_dto;
mod contacts_shown;
mod custom_fields;
mod custom_fields_dto;
mod deals;
mod deals_batch;
mod deals_dto;
mod pipelines;
mod pipelines_dto;
mod values;

use utoipa_actix_web::service_config::ServiceConfig;

/// The routes of this context, below `/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.configure(contacts::routes).configure(companies::routes);
    config.configure(activities::routes).configure(comments::routes);
    config.configure(pipelines::routes).configure(deals::routes);
    config.configure(contact_lists::routes).configure(custom_fields::routes);
}
