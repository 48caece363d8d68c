//! Deals: who may do what with them, by what their lists are filtered and sorted, and how long they stay where.

use chrono::{DateTime, Utc};
use fairlead_domain::{
    crm::{Deal, DealCommand, DealEvent, DealStatus, Pipeline, Stay, stays},
    ids::DealId,
    values::RecordType,
};

use crate::{
    App, AppError, Expected, Recorded,
    access::{Authorized, System, permissions},
    list::{Brief, Field, FieldKind, Listed},
    recorded::decode_event,
};

permissions! {
    /// Read deals.
    DealsRead = "deals:read", Reveals<Deal>;
    /// Open, change, move, win, lose, delete and restore deals.
    DealsWrite = "deals:write", Permits<Deal>;
}

impl Listed for Deal {
    const FIELDS: &'static [Field] = &[
        Field::sorted("created", FieldKind::Instant),
        Field::sorted("updated", FieldKind::Instant),
        Field::sorted("name", FieldKind::Text),
        Field::sorted("value", FieldKind::Integer),
        Field::sorted("expected_close", FieldKind::Day),
        Field::sorted("closed", FieldKind::Instant),
        Field::filtered("status", FieldKind::Choice(&DealStatus::NAMES)),
        Field::filtered("pipeline", FieldKind::Id),
        Field::filtered("stage", FieldKind::Id),
        Field::filtered("currency", FieldKind::Term),
        Field::filtered("source", FieldKind::Term),
        Field::filtered("reason", FieldKind::Term),
        Field::filtered("contact", FieldKind::Ids),
        Field::filtered("company", FieldKind::Ids),
        Field::filtered("tag", FieldKind::Labels),
        Field::filtered("owner", FieldKind::Id),
        Field::filtered("project", FieldKind::Id),
    ];
    const BRIEF: Option<fn(&Self) -> Brief> = Some(brief);
    const ATTRIBUTES: Option<RecordType> = Some(RecordType::Deal);
}

/// What a search over all kinds shows of one.
fn brief(deal: &Deal) -> Brief {
    let value = deal.profile.value.map(|value| format!("{value}, "));
    let detail = format!("{}{}", value.unwrap_or_default(), deal.status.name());
    Brief { title: Some(deal.profile.name.as_str().to_owned()), detail: Some(detail) }
}

/// Notes that a deal stays in its stage for longer than the stage is patient. Whether that was so, and not noted before.
///
/// # Errors
/// Those of every command.
pub async fn rot_deal(app: &App, cx: &Authorized<System>, id: DealId) -> Result<bool, AppError> {
    let Some(deal) = app.read::<Deal>(cx, id).await?.filter(|deal| !deal.state.deleted) else { return Ok(false) };
    let pipeline = app.read::<Pipeline>(cx, deal.state.profile.pipeline_id).await?;
    let pipeline = pipeline.map(|pipeline| Box::new(pipeline.state));
    let rot = DealCommand::Rot { pipeline, at: app.now() };
    let outcome = app.execute::<Deal>(cx, id, Expected::Exactly(deal.version), rot).await?;
    Ok(outcome.receipts.iter().any(|receipt| receipt.version > deal.version))
}

/// The stays in stages of a deal that the caller has read, the first one first, as its events tell them; and what time it is.
///
/// # Errors
/// [`AppError`]
pub async fn deal_stays(
    app: &App,
    cx: &Authorized<DealsRead>,
    deal: &Recorded<Deal>,
) -> Result<(Vec<Stay>, DateTime<Utc>), AppError> {
    let events = app.store.events(cx, deal.id).await?.into_iter();
    let events = events.map(|event| decode_event::<Deal>(&event.event_type, event.schema_version, event.data));
    let events: Vec<DealEvent> = events.collect::<Result<_, _>>().map_err(AppError::internal)?;
    Ok((stays(&events), app.clock.now()))
}
