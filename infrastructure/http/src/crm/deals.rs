//! `/v1/deals`

use actix_web::{patch, post, web::Data};
use fairlead_application::{
    App, Wanted,
    crm::{DealRequest, DealsRead, DealsWrite},
};
use fairlead_domain::{
    crm::{Deal, DealChange, DealCommand},
    ids::DealId,
};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{
    board,
    contacts_dto::Tags,
    deals_batch::{DealBatch, Verb, meant},
    deals_dto::{Closing, DealBody, DealPatch, Links, Moving, NewDeal},
};
use crate::{
    answer::{self, Batch, BatchAnswer, Created, Receipt},
    problem::Problem,
    request::{Auth, Id, IfMatch, Valid},
    resource::{resource, timeline},
};

/// The routes of deals. That of the board comes before that of a record, which would take its name for an id.
pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(board::show_board)
        .configure(resource::routes)
        .service(timeline::timeline)
        .service(board::show_stages)
        .service(open)
        .service(batch)
        .service(change);
    config.service(move_to).service(win).service(lose).service(reopen).service(link).service(unlink);
    config.service(tag).service(untag);
}

resource! {
    aggregate: Deal, id: DealId, command: DealCommand, body: DealBody,
    reads: DealsRead, writes: DealsWrite,
    tag: "deals", one: "a deal", many: "deals",
    paths: "/deals", "/deals/search", "/deals/{id}", "/deals/{id}/restore", "/deals/{id}/events",
}

timeline! {
    aggregate: Deal, id: DealId, reads: DealsRead,
    tag: "deals", one: "a deal", path: "/deals/{id}/timeline"
}

/// Open a deal.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    request_body = NewDeal,
    responses((status = 201, description = "The deal is open.", body = Receipt))
)]
#[post("/deals")]
async fn open(app: Data<App>, cx: Auth<DealsWrite>, body: Valid<NewDeal>) -> Result<Created, Problem> {
    let request = DealRequest::Open(Box::new(body.into_inner().try_into()?));
    app.ask(&cx, Wanted::new(request)).await?.try_into()
}

/// Do many things with deals in one request.
///
/// The operations take effect one after the other, and each is answered as it would be alone. With `atomic` all take effect
/// or none, and the problem names the one that is refused; otherwise a refused one does not hold up the others. What takes
/// effect does so in one transaction.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    request_body = DealBatch,
    responses((status = 200, description = "Every operation is answered.", body = BatchAnswer))
)]
#[post("/deals/batch")]
async fn batch(app: Data<App>, cx: Auth<DealsWrite>, body: Valid<Batch<Verb>>) -> Result<BatchAnswer, Problem> {
    answer::batch(&app, &cx, body.into_inner(), meant).await
}

/// Change a deal's attributes (JSON merge patch, RFC 7396; a value is replaced as a whole).
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body(
        content((DealPatch = "application/merge-patch+json"), (DealPatch = "application/json")),
        description = "What is missing stays, what is null is removed."
    ),
    responses((status = 200, description = "It is as demanded.", body = Receipt))
)]
#[patch("/deals/{id}")]
async fn change(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<DealPatch>,
) -> Result<Receipt, Problem> {
    let request = DealRequest::from(DealChange::try_from(body.into_inner())?);
    app.ask(&cx, Wanted::of(*id, expected.into(), request)).await?.try_into()
}

/// Put a deal into another stage, of its own pipeline or of another one.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Moving,
    responses((status = 200, description = "The deal is in the stage.", body = Receipt))
)]
#[post("/deals/{id}/move")]
async fn move_to(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Moving>,
) -> Result<Receipt, Problem> {
    app.ask(&cx, Wanted::of(*id, expected.into(), DealRequest::from(body.into_inner()))).await?.try_into()
}

/// Say that a deal was won.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Closing,
    responses((status = 200, description = "The deal is won.", body = Receipt))
)]
#[post("/deals/{id}/win")]
async fn win(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Closing>,
) -> Result<Receipt, Problem> {
    let request = DealRequest::Win { reason: body.into_inner().try_into()? };
    app.ask(&cx, Wanted::of(*id, expected.into(), request)).await?.try_into()
}

/// Say that a deal was lost. Where the pipeline lists reasons, one of them is demanded.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Closing,
    responses((status = 200, description = "The deal is lost.", body = Receipt))
)]
#[post("/deals/{id}/lose")]
async fn lose(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Closing>,
) -> Result<Receipt, Problem> {
    let request = DealRequest::Lose { reason: body.into_inner().try_into()? };
    app.ask(&cx, Wanted::of(*id, expected.into(), request)).await?.try_into()
}

/// Open a deal again that was won or lost. It comes back to its stage, or to the one that took its place.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    responses((status = 200, description = "The deal is open.", body = Receipt))
)]
#[post("/deals/{id}/reopen")]
async fn reopen(app: Data<App>, cx: Auth<DealsWrite>, id: Id<DealId>, expected: IfMatch) -> Result<Receipt, Problem> {
    app.ask(&cx, Wanted::of(*id, expected.into(), DealRequest::Reopen)).await?.try_into()
}

/// Name people and companies in a deal, whom the caller may read.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Links,
    responses((status = 200, description = "The deal names them.", body = Receipt))
)]
#[post("/deals/{id}/link")]
async fn link(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Links>,
) -> Result<Receipt, Problem> {
    let request = DealRequest::Link(body.into_inner().into());
    app.ask(&cx, Wanted::of(*id, expected.into(), request)).await?.try_into()
}

/// Name people and companies in a deal no more.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Links,
    responses((status = 200, description = "The deal names them no more.", body = Receipt))
)]
#[post("/deals/{id}/unlink")]
async fn unlink(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Links>,
) -> Result<Receipt, Problem> {
    let request = DealRequest::Unlink(body.into_inner().into());
    app.ask(&cx, Wanted::of(*id, expected.into(), request)).await?.try_into()
}

/// Put labels on a deal.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Tags,
    responses((status = 200, description = "The deal carries the labels.", body = Receipt))
)]
#[post("/deals/{id}/tag")]
async fn tag(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Tags>,
) -> Result<Receipt, Problem> {
    let command = DealCommand::Tag(body.into_inner().try_into()?);
    app.execute::<Deal>(&cx, *id, expected.into(), command).await?.try_into()
}

/// Take labels off a deal.
#[utoipa::path(
    tag = "deals",
    security(("bearer" = [Auth::<DealsWrite>::SCOPE])),
    params(IfMatch),
    request_body = Tags,
    responses((status = 200, description = "The deal carries the labels no more.", body = Receipt))
)]
#[post("/deals/{id}/untag")]
async fn untag(
    app: Data<App>,
    cx: Auth<DealsWrite>,
    id: Id<DealId>,
    expected: IfMatch,
    body: Valid<Tags>,
) -> Result<Receipt, Problem> {
    let command = DealCommand::Untag(body.into_inner().try_into()?);
    app.execute::<Deal>(&cx, *id, expected.into(), command).await?.try_into()
}
