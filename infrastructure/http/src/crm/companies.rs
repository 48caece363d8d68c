//! `/v1/companies`

use actix_web::{HttpRequest, delete, get, patch, post, web::Data};
use fairlead_application::{
    App,
    crm::{CompaniesRead, CompaniesWrite, change_company, create_company, merge_companies},
    history::History,
    list::{AllLists, Cursors},
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
    answer::{
        Created, EventPage, ListParams, Page, Receipt, Record, RecordEventParams, ShowDeleted, fields, page, record,
        record_events,
    },
    document::parameters::Order,
    problem::Problem,
    request::{Auth, Id, IfMatch, Query, Valid},
};

/// The routes of companies.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(create).service(list).service(show).service(change).service(delete).service(restore);
    config.service(merge).service(tag).service(untag).service(events);
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

/// List companies.
#[utoipa::path(
    tag = "companies",
    description = fields::<Company>(),
    security(("bearer" = [Auth::<CompaniesRead>::SCOPE])),
    params(ListParams, Order<Company>),
    responses((status = 200, description = "A page.", body = Page<CompanyBody>))
)]
#[get("/companies")]
async fn list(
    lists: Data<AllLists>,
    cursors: Data<Cursors>,
    cx: Auth<CompaniesRead>,
    request: HttpRequest,
    params: Query<ListParams>,
) -> Result<Page<CompanyBody>, Problem> {
    page(&lists, &cursors, &cx, request.path(), params.into_inner()).await
}

/// Show a company as it is now.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesRead>::SCOPE])),
    params(ShowDeleted),
    responses(
        (status = 200, description = "The company.", body = CompanyBody, headers(("ETag" = String, description = "The version."))),
        (
            status = 301,
            description = "It was merged into another company, which is to be found there.",
            headers(("Location" = String, description = "The path of the company that took it in."))
        ),
        (status = 304, description = "It has not changed since the version in `If-None-Match`."),
    )
)]
#[get("/companies/{id}")]
async fn show(
    app: Data<App>,
    cx: Auth<CompaniesRead>,
    id: Id<CompanyId>,
    params: Query<ShowDeleted>,
) -> Result<Record<CompanyBody>, Problem> {
    record(app.read::<Company>(&cx, *id).await?, &params.into_inner())
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

/// Delete a company; it can be restored.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is deleted.", body = Receipt))
)]
#[delete("/companies/{id}")]
async fn delete(
    app: Data<App>,
    cx: Auth<CompaniesWrite>,
    id: Id<CompanyId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Company>(&cx, *id, expected.into(), CompanyCommand::Delete).await?.try_into()
}

/// Bring back a deleted company.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "It is back.", body = Receipt))
)]
#[post("/companies/{id}/restore")]
async fn restore(
    app: Data<App>,
    cx: Auth<CompaniesWrite>,
    id: Id<CompanyId>,
    expected: IfMatch,
) -> Result<Receipt, Problem> {
    app.execute::<Company>(&cx, *id, expected.into(), CompanyCommand::Restore).await?.try_into()
}

/// Make one company of two. This one takes over what it lacks: domains, labels, custom attributes, and every other field
/// that is empty. The other one counts as deleted from then on, for good: who asks for it is sent here, its history stays,
/// and what pointed at it, deals and companies that belong to it, follows within moments.
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

/// Read what happened to a company, oldest first, whether it is deleted or not.
#[utoipa::path(
    tag = "companies",
    security(("bearer" = [Auth::<CompaniesRead>::SCOPE])),
    params(RecordEventParams),
    responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
)]
#[get("/companies/{id}/events")]
async fn events(
    history: Data<History>,
    cx: Auth<CompaniesRead>,
    id: Id<CompanyId>,
    params: Query<RecordEventParams>,
) -> Result<EventPage, Problem> {
    record_events::<Company>(&history, &cx, *id, params.into_inner()).await
}
