//! Organizations, people and access over HTTP.

mod api_keys;
mod audit;
mod audit_dto;
mod departures;
mod dto;
mod links;
mod me;
mod memberships;
mod organizations;
mod projects;
mod providers;
mod roles;
mod sessions;
mod sessions_dto;

use utoipa_actix_web::service_config::ServiceConfig;

/// The routes of this context, below `/v1`.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(organizations::routes)
        .configure(sessions::routes)
        .configure(providers::routes)
        .configure(links::routes)
        .configure(me::routes)
        .configure(departures::routes)
        .configure(projects::routes)
        .configure(memberships::routes)
        .configure(roles::routes)
        .configure(api_keys::routes)
        .configure(audit::routes);
}
