//! What is kept beside streams, and streams one after the other.

use fairlead_application::ports::{IdGenerator, NewSecret, RegisterQuery, Secrets, StreamAppend, System};
use fairlead_domain::kernel::UniqueKey;
use serde_json::{json, value::to_raw_value};
use uuid::Uuid;

use super::{Store, append, caller, change};

fn keeping(stream: StreamAppend, secrets: &[(&'static str, Option<&str>)]) -> StreamAppend {
    let secret = |(name, value): &(&'static str, Option<&str>)| NewSecret {
        name,
        value: value.map(|value| value.as_bytes().to_vec().into()),
    };
    StreamAppend { secrets: secrets.iter().map(secret).collect(), ..stream }
}

fn texts(secrets: &Secrets) -> [Option<&str>; 2] {
    [secrets.text("password"), secrets.text("totp")]
}

/// A secret is kept with the events of its command, is replaced, forgotten, and gone with the person; in its tenant alone.
pub async fn keeps_secrets_beside_streams(store: Store) {
    let (cx, id, other) = (caller(), System.next(), System.next());
    let both = [("password", Some("one")), ("totp", Some("two"))];
    store.append(&cx, append(vec![keeping(change(id, 0, 1), &both), change(other, 0, 1)])).await.unwrap();
    assert_eq!(texts(&store.secrets(&cx, id).await.unwrap()), [Some("one"), Some("two")]);
    assert_eq!(texts(&store.secrets(&cx, other).await.unwrap()), [None, None]);
    assert_eq!(texts(&store.secrets(&caller(), id).await.unwrap()), [None, None]);

    let changed = [("password", Some("three")), ("totp", None)];
    let stale = store.append(&cx, append(vec![keeping(change(id, 5, 1), &changed)])).await;
    assert!(stale.is_err());
    assert_eq!(texts(&store.secrets(&cx, id).await.unwrap()), [Some("one"), Some("two")]);
    let key = store.load(&cx, &[id]).await.unwrap().streams.remove(0).key;
    let loaded = StreamAppend { key, ..change(id, 1, 1) };
    store.append(&cx, append(vec![keeping(loaded, &changed)])).await.unwrap();
    assert_eq!(texts(&store.secrets(&cx, id).await.unwrap()), [Some("three"), None]);

    let erasing = StreamAppend { erases: true, ..change(id, 2, 1) };
    store.append(&cx, append(vec![keeping(erasing, &[("totp", Some("late"))])])).await.unwrap();
    assert_eq!(texts(&store.secrets(&cx, id).await.unwrap()), [None, None]);
}

/// Living streams of an aggregate come in the order of their ids, page by page, perhaps of one user alone.
pub async fn lists_living_streams(store: Store) {
    let (cx, user) = (caller(), System.next());
    let mut ids: Vec<Uuid> = (0..5).map(|_| System.next()).collect();
    ids.sort();
    let role = |id: Uuid| StreamAppend { aggregate: "role", ..change(id, 0, 1) };
    let streams = ids.iter().map(|id| StreamAppend { deleted: *id == ids[1], ..role(*id) }).collect();
    store.append(&cx, append(streams)).await.unwrap();
    store.append(&caller(), append(vec![role(System.next())])).await.unwrap();
    let session = |user: Uuid| StreamAppend {
        aggregate: "session",
        state: to_raw_value(&json!({ "user_id": user })).unwrap(),
        ..change(System.next(), 0, 1)
    };
    let of_user = session(user);
    let own = of_user.id;
    store.append(&cx, append(vec![of_user, session(System.next())])).await.unwrap();

    let listed = async |query: RegisterQuery| {
        let streams = store.register(&cx, &query).await.unwrap();
        streams.into_iter().map(|stream| stream.id).collect::<Vec<_>>()
    };
    let roles = RegisterQuery { aggregate: "role", user: None, after: None, limit: 3 };
    assert_eq!(listed(roles).await, [ids[0], ids[2], ids[3]]);
    assert_eq!(listed(RegisterQuery { after: Some(ids[3]), ..roles }).await, [ids[4]]);
    let sessions = RegisterQuery { aggregate: "session", user: Some(user), after: None, limit: 3 };
    assert_eq!(listed(sessions).await, [own]);
    assert!(listed(RegisterQuery { after: Some(own), ..sessions }).await.is_empty());
    assert_eq!(store.register(&cx, &sessions).await.unwrap()[0].version, 1);
}

/// Who holds which key, in the order asked; nobody of another tenant.
pub async fn tells_who_holds_a_key(store: Store) {
    let (cx, id) = (caller(), System.next());
    let mut made = change(id, 0, 1);
    made.claimed = vec![UniqueKey::new("thing.name", "a"), UniqueKey::new("thing.name", "b")];
    store.append(&cx, append(vec![made])).await.unwrap();
    let keys = ["b", "x", "a", "b"].map(|name| UniqueKey::new("thing.name", name));
    assert_eq!(store.holders(&cx, &keys).await.unwrap(), [Some(id), None, Some(id), Some(id)]);
    assert_eq!(store.holders(&caller(), &keys).await.unwrap(), [None; 4]);
    assert_eq!(store.holders(&cx, &[UniqueKey::new("other.name", "a")]).await.unwrap(), [None]);
    assert_eq!(store.holders(&cx, &[]).await.unwrap(), []);
}
