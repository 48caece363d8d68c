//! Routes that several resources have: of every listed one list, search, show, delete, restore and events; of those to which other
//! records are about, a timeline. What a resource has besides stands in its own file.

/// Writes a module `resource` with the routes of an aggregate, which its `routes` configures.
/// The command has the variants `Delete` and `Restore`; paths are written out, so that they are found by who looks for them.
/// Of records that can be merged, `moved` says in parentheses what is answered in the place of one that was.
macro_rules! resource {
    (
        aggregate: $Aggregate:ident, id: $Id:ident, command: $Command:ident, body: $Body:ident,
        reads: $Read:ident, writes: $Write:ident,
        tag: $tag:tt, one: $one:literal, many: $many:literal,
        paths: $list:tt, $search:tt, $show:tt, $restore:tt, $events:tt
        $(, moved: $moved:tt)? $(,)?
    ) => {
        /// What every resource has.
        mod resource {
            use ::actix_web::{HttpRequest, delete, get, post, web::Data};
            use ::fairlead_application::{
                App,
                history::History,
                list::{AllLists, Cursors},
            };
            use ::utoipa_actix_web::service_config::ServiceConfig;

            use super::{$Aggregate, $Body, $Command, $Id, $Read, $Write};
            use $crate::{
                answer::{
                    self, EventPage, ListParams, Page, Receipt, Record, RecordEventParams, Search, ShowDeleted, fields,
                    record, record_events,
                },
                document::parameters::Order,
                problem::Problem,
                request::{Auth, Id, IfMatch, Query, Valid},
            };

            pub(super) fn routes(config: &mut ServiceConfig<'_>) {
                config.service(list).service(search).service(show).service(delete).service(restore).service(events);
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("List ", $many, "."),
                description = fields::<$Aggregate>(),
                security(("bearer" = [Auth::<$Read>::SCOPE])),
                params(ListParams, Order<$Aggregate>),
                responses((status = 200, description = "A page.", body = Page<$Body>))
            )]
            #[get($list)]
            async fn list(
                lists: Data<AllLists>,
                cursors: Data<Cursors>,
                cx: Auth<$Read>,
                request: HttpRequest,
                params: Query<ListParams>,
            ) -> Result<Page<$Body>, Problem> {
                answer::page(&lists, &cursors, &cx, request.path(), params.into_inner()).await
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Search ", $many, " by nested conditions."),
                description = fields::<$Aggregate>(),
                security(("bearer" = [Auth::<$Read>::SCOPE])),
                request_body = Search,
                responses((status = 200, description = "A page.", body = Page<$Body>))
            )]
            #[post($search)]
            async fn search(
                lists: Data<AllLists>,
                cursors: Data<Cursors>,
                cx: Auth<$Read>,
                request: HttpRequest,
                body: Valid<Search>,
            ) -> Result<Page<$Body>, Problem> {
                answer::search(&lists, &cursors, &cx, request.path(), body.into_inner()).await
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Show ", $one, " as it is now."),
                security(("bearer" = [Auth::<$Read>::SCOPE])),
                params(ShowDeleted),
                responses(
                    (status = 200, description = "The record.", body = $Body, headers(("ETag" = String, description = "The version."))),
                    $($moved,)?
                    (status = 304, description = "It has not changed since the version in `If-None-Match`."),
                )
            )]
            #[get($show)]
            async fn show(
                app: Data<App>,
                cx: Auth<$Read>,
                id: Id<$Id>,
                params: Query<ShowDeleted>,
            ) -> Result<Record<$Body>, Problem> {
                record(app.read::<$Aggregate>(&cx, *id).await?, &params.into_inner())
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Delete ", $one, "; it can be restored."),
                security(("bearer" = [Auth::<$Write>::SCOPE])),
                params(IfMatch),
                responses((status = 200, description = "The record is deleted.", body = Receipt))
            )]
            #[delete($show)]
            async fn delete(
                app: Data<App>,
                cx: Auth<$Write>,
                id: Id<$Id>,
                expected: IfMatch,
            ) -> Result<Receipt, Problem> {
                app.execute::<$Aggregate>(&cx, *id, expected.into(), $Command::Delete).await?.try_into()
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Bring back ", $one, " that was deleted."),
                security(("bearer" = [Auth::<$Write>::SCOPE])),
                params(IfMatch),
                responses((status = 200, description = "The record is back.", body = Receipt))
            )]
            #[post($restore)]
            async fn restore(
                app: Data<App>,
                cx: Auth<$Write>,
                id: Id<$Id>,
                expected: IfMatch,
            ) -> Result<Receipt, Problem> {
                app.execute::<$Aggregate>(&cx, *id, expected.into(), $Command::Restore).await?.try_into()
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Read what happened to ", $one, ", oldest first, whether it is deleted or not."),
                security(("bearer" = [Auth::<$Read>::SCOPE])),
                params(RecordEventParams),
                responses((status = 200, description = "A page; `next_after` is a version.", body = EventPage))
            )]
            #[get($events)]
            async fn events(
                history: Data<History>,
                cx: Auth<$Read>,
                id: Id<$Id>,
                params: Query<RecordEventParams>,
            ) -> Result<EventPage, Problem> {
                record_events::<$Aggregate>(&history, &cx, *id, params.into_inner()).await
            }
        }
    };
}
pub(crate) use resource;

/// Writes a module `timeline` with the route of an aggregate's timelines.
macro_rules! timeline {
    (aggregate: $Aggregate:ident, id: $Id:ident, reads: $Read:ident, tag: $tag:tt, one: $one:literal, path: $path:tt) => {
        /// What happened to a record, and to others that are about it.
        mod timeline {
            use ::actix_web::{HttpRequest, get, web::Data};
            use ::fairlead_application::{App, crm::Timelines, list::Cursors};

            use super::{$Aggregate, $Id, $Read};
            use $crate::{
                answer::{Page, TimelineItem, TimelineParams, shown, timeline_page},
                problem::Problem,
                request::{Auth, Id, Query},
            };

            #[utoipa::path(
                        tag = $tag,
                        summary = concat!("What happened to ", $one, ", and to what is about it, the newest first."),
                        security(("bearer" = [Auth::<$Read>::SCOPE])),
                        params(TimelineParams),
                        responses((status = 200, description = "A page.", body = Page<TimelineItem>))
                    )]
            #[get($path)]
            pub(super) async fn timeline(
                app: Data<App>,
                timelines: Data<Timelines>,
                cursors: Data<Cursors>,
                cx: Auth<$Read>,
                id: Id<$Id>,
                request: HttpRequest,
                params: Query<TimelineParams>,
            ) -> Result<Page<TimelineItem>, Problem> {
                let (params, showing) = params.into_inner().split();
                let record = shown(app.read::<$Aggregate>(&cx, *id).await?, &showing)?;
                let read = async |before, limit| timelines.record(&cx, &record, before, limit).await;
                timeline_page(&cursors, &cx, request.path(), params, read).await
            }
        }
    };
}
pub(crate) use timeline;
