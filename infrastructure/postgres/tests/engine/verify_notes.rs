//! Verifying finds references, and notes of whom something is told, that are missing or too many.

use fairlead_application::{
    Expected,
    ports::{IdGenerator, System},
};
use fairlead_domain::{
    crm::{Activity, ActivityCommand, ActivityKind, ActivityProfile},
    kernel::Aggregate,
    values::{RecordRef, Subject},
};
use fairlead_testing::{
    database::TestDatabase,
    engine::{Engine, caller},
};
use uuid::Uuid;

use crate::verify::told;

#[tokio::test]
async fn what_is_noted_beside_streams_is_what_they_say() {
    let database = TestDatabase::create().await;
    let engine = Engine::start(&database).await;
    let admin = database.admin().await;
    let (cx, note, ana, bo): (_, Uuid, Uuid, Uuid) = (caller(), System.next(), System.next(), System.next());
    let about = vec![RecordRef::contact(ana), RecordRef::contact(bo)];
    let profile = ActivityProfile::new(ActivityKind::Note, Subject::new("She called").unwrap(), about);
    let seen = profile.about.iter().copied().collect();
    let create = ActivityCommand::Create { profile: Box::new(profile), seen };
    engine.app.execute::<Activity>(&cx, note.into(), Expected::New, create).await.unwrap();
    assert_eq!(told(&database).await, [].into());

    let tenant = Uuid::from(cx.tenant());
    let insert = |table: &str, columns: &str, values: &str| {
        format!("insert into {table} (tenant_id, {columns}) values ('{tenant}', {values})")
    };
    let noted = |target: Uuid, stream: Uuid| {
        let values = format!("'{target}', '{}', '{stream}'", Activity::TYPE);
        insert("engine.record_references", "target_id, aggregate, stream_id", &values)
    };
    let telling = |person: Uuid, stream: Uuid| {
        insert("engine.subject_streams", "subject_id, stream_id", &format!("'{person}', '{stream}'"))
    };
    let dropped = |table: &str, record: &str| format!("delete from engine.{table} where {record}");
    for (sql, back, fault) in [
        (
            dropped("record_references", &format!("target_id = '{bo}'")),
            noted(bo, note),
            format!("that it refers to the contact {bo} is not noted"),
        ),
        (
            noted(note, note),
            dropped("record_references", &format!("target_id = '{note}'")),
            format!("it is noted to refer to {note}, to which it does not"),
        ),
        (
            noted(bo, ana),
            dropped("record_references", &format!("stream_id = '{ana}'")),
            format!("it is noted to refer to {bo}, to which it does not"),
        ),
        (
            dropped("subject_streams", &format!("subject_id = '{ana}'")),
            telling(ana, note),
            format!("that it tells about {ana} is not noted"),
        ),
        (
            telling(bo, note),
            dropped("subject_streams", &format!("subject_id = '{bo}'")),
            format!("it is noted to tell about {bo}, about whom it does not"),
        ),
        (
            telling(bo, Uuid::max()),
            dropped("subject_streams", &format!("subject_id = '{bo}'")),
            format!("it is noted to tell about {bo}, about whom it does not"),
        ),
    ] {
        admin.batch_execute(&sql).await.unwrap();
        assert_eq!(told(&database).await, [fault].into(), "{sql}");
        admin.batch_execute(&back).await.unwrap();
        assert_eq!(told(&database).await, [].into(), "{back}");
    }
}
