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
            // Modules alone, so that no aggregate can have a name that is taken here.
            use ::actix_web::{self as actix, delete, get, post};
            use ::fairlead_application::{self as application, list as lists};

            use super::{$Aggregate, $Body, $Command, $Id, $Read, $Write};
            use $crate::{answer, document::parameters, problem, request};

            pub(super) fn routes(config: &mut ::utoipa_actix_web::service_config::ServiceConfig<'_>) {
                config.service(list).service(search).service(show).service(delete).service(restore).service(events);
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("List ", $many, "."),
                description = answer::fields::<$Aggregate>(),
                security(("bearer" = [request::Auth::<$Read>::SCOPE])),
                params(answer::ListParams, parameters::Order<$Aggregate>),
                responses((status = 200, description = "A page.", body = answer::Page<$Body>))
            )]
            #[get($list)]
            async fn list(
                app: actix::web::Data<application::App>,
                lists: actix::web::Data<lists::AllLists>,
                cursors: actix::web::Data<lists::Cursors>,
                cx: request::Auth<$Read>,
                request: actix::HttpRequest,
                params: request::Query<answer::ListParams>,
            ) -> Result<answer::Page<$Body>, problem::Problem> {
                answer::page(&app, &lists, &cursors, &cx, request.path(), params.into_inner()).await
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Search ", $many, " by nested conditions."),
                description = answer::fields::<$Aggregate>(),
                security(("bearer" = [request::Auth::<$Read>::SCOPE])),
                request_body = answer::Search,
                responses((status = 200, description = "A page.", body = answer::Page<$Body>))
            )]
            #[post($search)]
            async fn search(
                app: actix::web::Data<application::App>,
                lists: actix::web::Data<lists::AllLists>,
                cursors: actix::web::Data<lists::Cursors>,
                cx: request::Auth<$Read>,
                request: actix::HttpRequest,
                body: request::Valid<answer::Search>,
            ) -> Result<answer::Page<$Body>, problem::Problem> {
                answer::search(&app, &lists, &cursors, &cx, request.path(), body.into_inner()).await
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Show ", $one, " as it is now."),
                security(("bearer" = [request::Auth::<$Read>::SCOPE])),
                params(answer::ShowDeleted),
                responses(
                    (status = 200, description = "The record.", body = $Body, headers(("ETag" = String, description = "The version."))),
                    $($moved,)?
                    (status = 304, description = "It has not changed since the version in `If-None-Match`."),
                )
            )]
            #[get($show)]
            async fn show(
                app: actix::web::Data<application::App>,
                cx: request::Auth<$Read>,
                id: request::Id<$Id>,
                params: request::Query<answer::ShowDeleted>,
            ) -> Result<answer::Record<$Body>, problem::Problem> {
                answer::record(app.read::<$Aggregate>(&cx, *id).await?, &params.into_inner())
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Delete ", $one, "; it can be restored."),
                security(("bearer" = [request::Auth::<$Write>::SCOPE])),
                params(request::IfMatch),
                responses((status = 200, description = "The record is deleted.", body = answer::Receipt))
            )]
            #[delete($show)]
            async fn delete(
                app: actix::web::Data<application::App>,
                cx: request::Auth<$Write>,
                id: request::Id<$Id>,
                expected: request::IfMatch,
            ) -> Result<answer::Receipt, problem::Problem> {
                app.execute::<$Aggregate>(&cx, *id, expected.into(), $Command::Delete).await?.try_into()
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Bring back ", $one, " that was deleted."),
                security(("bearer" = [request::Auth::<$Write>::SCOPE])),
                params(request::IfMatch),
                responses((status = 200, description = "The record is back.", body = answer::Receipt))
            )]
            #[post($restore)]
            async fn restore(
                app: actix::web::Data<application::App>,
                cx: request::Auth<$Write>,
                id: request::Id<$Id>,
                expected: request::IfMatch,
            ) -> Result<answer::Receipt, problem::Problem> {
                app.execute::<$Aggregate>(&cx, *id, expected.into(), $Command::Restore).await?.try_into()
            }

            #[utoipa::path(
                tag = $tag,
                summary = concat!("Read what happened to ", $one, ", oldest first, whether it is deleted or not."),
                security(("bearer" = [request::Auth::<$Read>::SCOPE])),
                params(answer::RecordEventParams),
                responses((status = 200, description = "A page; `next_after` is a version.", body = answer::EventPage))
            )]
            #[get($events)]
            async fn events(
                history: actix::web::Data<application::history::History>,
                cx: request::Auth<$Read>,
                id: request::Id<$Id>,
                params: request::Query<answer::RecordEventParams>,
            ) -> Result<answer::EventPage, problem::Problem> {
                answer::record_events::<$Aggregate>(&history, &cx, *id, params.into_inner()).await
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
            use ::actix_web::{self as actix, get};
            use ::fairlead_application::{self as application, list as lists};

            use super::{$Aggregate, $Id, $Read};
            use $crate::{answer, problem, request};

            #[utoipa::path(
                        tag = $tag,
                        summary = concat!("What happened to ", $one, ", to what is about it and to what names it, the newest first."),
                        security(("bearer" = [request::Auth::<$Read>::SCOPE])),
                        params(answer::TimelineParams),
                        responses((status = 200, description = "A page.", body = answer::Page<answer::TimelineItem>))
                    )]
            #[get($path)]
            pub(super) async fn timeline(
                app: actix::web::Data<application::App>,
                timelines: actix::web::Data<application::crm::Timelines>,
                cursors: actix::web::Data<lists::Cursors>,
                cx: request::Auth<$Read>,
                id: request::Id<$Id>,
                request: actix::HttpRequest,
                params: request::Query<answer::TimelineParams>,
            ) -> Result<answer::Page<answer::TimelineItem>, problem::Problem> {
                let (params, showing) = params.into_inner().split();
                let record = answer::shown(app.read::<$Aggregate>(&cx, *id).await?, &showing)?;
                let read = async |before, limit| timelines.record(&cx, &record, before, limit).await;
                answer::timeline_page(&cursors, &cx, request.path(), params, read).await
            }
        }
    };
}
pub(crate) use timeline;
