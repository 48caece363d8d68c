//! `/v1/companies`

use actix_web::{patch, post, web::Data};
use fairlead_application::{
    App, Wanted,
    crm::{CompaniesRead, CompaniesWrite, merge_companies},
};
use fairlead_domain::{
    crm::{Ancestry, Company, CompanyCommand, Schema},
    ids::CompanyId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    companies_batch::{CompanyBatch, Verb, meant},
    companies_dto::{CompanyBody, CompanyPatch, Merging, NewCompany},
    contacts_dto::Tags,
};
use crate::{
    answer::{self, Batch, BatchAnswer, Created, Receipt},
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
        .service(batch)
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
    let profile = Box::new(body.into_inner().try_into()?);
    let command = CompanyCommand::Create(profile, Ancestry::default(), Schema::default());
    app.ask(&cx, Wanted::new(command)).await?.try_into()
}

/// Do many things with companies in one request.
///
/// The operations take effect one after the other, and each is answered as it would be alone. With `atomic` all take effect
/// or none, and the problem names the one that is refused; otherwise a refused one does not hold up the others. What takes
/// effect does so in one transaction.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    request_body = CompanyBatch,
    responses((status = 200, description = "Every operation is answered.", body = BatchAnswer))
)]
#[post("/companies/batch")]
async fn batch(app: Data<App>, cx: Auth<CompaniesWrite>, body: Valid<Batch<Verb>>) -> Result<BatchAnswer, Problem> {
    answer::batch(&app, &cx, body.into_inner(), meant).await
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
    let command = CompanyCommand::Change(Box::new(body.into_inner().try_into()?));
    app.ask(&cx, Wanted::of(*id, expected.into(), command)).await?.try_into()
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
