//! `/v1/companies`

use actix_web::{patch, post, web::Data};
use fairlead_application::{
    App,
    crm::{CompaniesRead, CompaniesWrite, change_company, create_company, merge_companies},
};
use fairlead_domain::{
    crm::{Company, CompanyCommand},
    ids::CompanyId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    companies_dto::{CompanyBody, CompanyPatch, Merging, NewCompany},
    contacts_dto::Tags,
};
use crate::{
    answer::{Created, Receipt},
    problem::Problem,
    request::{Auth, Id, IfMatch, Valid},
    resource::{resource, timeline},
};

/// The routes of companies.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .configure(resource::routes)
        .service(timeline::timeline)
        .service(create)
        .service(change)
        .service(merge)
        .service(tag)
        .service(untag);
}

resource! {
    aggregate: Company, id: CompanyId, command: CompanyCommand, body: CompanyBody,
    reads: CompaniesRead, writes: CompaniesWrite,
    tag: "companies", one: "a company", many: "companies",
    paths: "/companies", "/companies/search", "/companies/{id}", "/companies/{id}/restore", "/companies/{id}/events",
    moved: (
        status = 301,
        description = "It was merged into another company, which is to be found there.",
        headers(("Location" = String, description = "The path of the company that took it in."))
    ),
}

timeline! {
    aggregate: Company, id: CompanyId, reads: CompaniesRead,
    tag: "companies", one: "a company", path: "/companies/{id}/timeline"
}

/// Make a company known.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    request_body = NewCompany,
    responses((status = 201, description = "The company is known.", body = Receipt))
)]
#[post("/companies")]
async fn create(app: Data<App>, cx: Auth<CompaniesWrite>, body: Valid<NewCompany>) -> Result<Created, Problem> {
    create_company(&app, &cx, body.into_inner().try_into()?).await?.try_into()
}

/// Change a company's attributes (JSON merge patch, RFC 7396; domains and an address are replaced as a whole).
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((CompanyPatch = "application/merge-patch+json"), (CompanyPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/companies/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<CompaniesWrite>,
    id: Id<CompanyId>,
    expected: IfMatch,
    body: Valid<CompanyPatch>,
) -> Result<Receipt, Problem> {
    change_company(&app, &cx, *id, expected.into(), body.into_inner().try_into()?).await?.try_into()
}

/// Make one company of two. This one takes over what it lacks: domains, labels, custom attributes, and every other field
/// that is empty. The other one counts as deleted from then on, for good: who asks for it is sent here, and its history stays.
/// Deals, contacts and companies that name it still do so, and are led here by asking for it.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Merging,
    responses((status = 200, description = "They are one.", body = Receipt))
)]
#[post("/companies/{id}/merge")]
async fn merge(
    app: Data<App>,
    cx: Auth<CompaniesWrite>,
    id: Id<CompanyId>,
    expected: IfMatch,
    body: Valid<Merging>,
) -> Result<Receipt, Problem> {
    merge_companies(&app, &cx, *id, body.into_inner().loser_id.into(), expected.into()).await?.try_into()
}

/// Put labels on a company.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Tags,
    responses((status = 200, description = "The company carries the labels.", body = Receipt))
)]
#[post("/companies/{id}/tag")]
async fn tag(
    app: Data<App>,
    cx: Auth<CompaniesWrite>,
    id: Id<CompanyId>,
    expected: IfMatch,
    body: Valid<Tags>,
) -> Result<Receipt, Problem> {
    let command = CompanyCommand::Tag(body.into_inner().try_into()?);
    app.execute::<Company>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Take labels off a company.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    params(IfMatch),
    request_body = Tags,
    responses((status = 200, description = "The company carries the labels no more.", body = Receipt))
)]
#[post("/companies/{id}/untag")]
async fn untag(
    app: Data<App>,
    cx: Auth<CompaniesWrite>,
    id: Id<CompanyId>,
    expected: IfMatch,
    body: Valid<Tags>,
) -> Result<Receipt, Problem> {
    let command = CompanyCommand::Untag(body.into_inner().try_into()?);
    app.execute::<Company>(&cx, *id, expected.into(), command).await?.try_into()
}
