//! Lists of records of which there are few: always current, in the order of their ids.

use std::future::Future;

use fairlead_application::{
    AppError, Context,
    list::{Cursors, Literal, Position},
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Page, limit};
use crate::problem::{Check, Problem};

/// How many, from where.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegisterParams {
    /// How many rows at most.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 200, default = 50)]
    limit: Option<String>,
    /// Where the page begins: the `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Answers one page. `read` is told behind which id it begins and how many rows it has at most; it tells whether there are
/// more.
///
/// # Errors
/// Everything that is wrong with the parameters at once, or the list's failure.
pub(crate) async fn register_page<R, T: From<R>, F: Future<Output = Result<(Vec<R>, bool), AppError>>>(
    cursors: &Cursors,
    cx: &Context,
    path: &str,
    params: RegisterParams,
    id: impl Fn(&R) -> Uuid,
    read: impl FnOnce(Option<Uuid>, u16) -> F,
) -> Result<Page<T>, Problem> {
    let mut check = Check::default();
    let limit = check.parameter("limit", limit(params.limit.as_deref()));
    let after = params.cursor.map(|cursor| cursors.open(cx, path, &cursor)).transpose();
    let after = check.parameter("cursor", after);
    let (limit, after) = check.finish(limit.zip(after))?;
    let (rows, more) = read(after.map(|position| position.id), limit).await?;
    let last = rows.last().map(&id).filter(|_| more);
    let next = last.map(|id| cursors.seal(cx, path, &Position { value: Some(Literal::Id(id)), id }));
    Ok(Page::new(rows.into_iter().map(T::from).collect(), next))
}
