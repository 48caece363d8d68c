//! The limit: the same statements with the same payload, sent by `pgbench`, which has nothing else to do.

use std::{env, fs, path::Path, process::Command};

use fairlead_testing::{database::TestDatabase, required};

use crate::{SECONDS, WRITERS, append::STREAMS};

/// A new stream with one event, one reserved key and a key for its person.
pub(crate) const APPEND_NEW: &str = r#"
\set n random(1, 1000000000000)
select answered, incarnation, xid, fingerprint, receipts from engine.append(
  '00000000-0000-4000-8000-000000000001', 'tester', null, null, '[{"id":"00000000-0000-4000-8000-000000000001","version": 1}]',
  now(), '{"actor":"tester"}', array[md5(:n::text)::uuid], array['contact'], array[0]::bigint[], array[1]::bigint[],
  array['{"name":"Ana 123456","email":"ana123456@example.com","deleted": false}']::jsonb[], array[1]::smallint[], array[false],
  '{}', '{}', array['contact.email'], array['p' || :n::text], array[md5(:n::text)::uuid], array[md5(:n::text)::uuid],
  array[1]::bigint[], array[md5(:n::text)::uuid], array['contact.created'], array[1]::smallint[],
  array['{"name":{"$sealed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"email":{"$sealed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}']::jsonb[], null, null, array[md5(:n::text)::uuid], array[decode(repeat('ab', 72), 'hex')], 1);
"#;

/// Load a stream, then append one event to it, at the version found. Each client has streams of its own, since `pgbench`
/// would give up over a stale version.
pub(crate) const APPEND_EXISTING: &str = r#"
\set n random(0, :streams / 16 - 1) * 16 + :client_id
select version as found from engine.load('00000000-0000-4000-8000-000000000002',
  array[md5(:n::text)::uuid], 'tester', null) \gset
\set next :found + 1
select answered, incarnation, xid, fingerprint, receipts from engine.append(
  '00000000-0000-4000-8000-000000000002', 'tester', null, null, '[{"id":"00000000-0000-4000-8000-000000000001","version": 1}]',
  now(), '{"actor":"tester"}', array[md5(:n::text)::uuid], array['contact'], array[:found]::bigint[], array[:next]::bigint[],
  array['{"name":"Ana 123456","email":"ana123456@example.com","deleted": false}']::jsonb[], array[1]::smallint[], array[false],
  '{}', '{}', '{}', '{}', '{}', array[md5(:n::text)::uuid],
  array[:next]::bigint[], array[gen_random_uuid()], array['contact.renamed'], array[1]::smallint[],
  array['{"name":{"$sealed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}']::jsonb[], null, null, p_used_subjects => array[md5(:n::text)::uuid]);
"#;

/// Makes the streams that [`APPEND_EXISTING`] changes.
pub(crate) async fn prepare(database: &TestDatabase) {
    let sql = "insert into engine.streams (tenant_id, stream_id, aggregate, version, state, state_version, created_at,
                                           updated_at, incarnation, xid)
               select '00000000-0000-4000-8000-000000000002', md5(n::text)::uuid, 'contact', 1, '{}', 1, now(), now(), 1,
                      pg_current_xact_id()
                 from generate_series(0, $1::bigint) n";
    let admin = database.admin().await;
    admin.execute(sql, &[&(STREAMS as i64)]).await.expect("streams");
    let keys = "insert into engine.tenant_keys (tenant_id, number, wrapped, installation_key)
                  select ('00000000-0000-4000-8000-00000000000' || n)::uuid, 1, '', 'none' from generate_series(1, 2) n;
                insert into engine.subject_keys (tenant_id, subject_id, wrapped, tenant_key)
                  select tenant_id, stream_id, decode(repeat('ab', 72), 'hex'), 1 from engine.streams
                   where tenant_id = '00000000-0000-4000-8000-000000000002'";
    admin.batch_execute(keys).await.expect("keys");
}

/// Transactions a second.
pub(crate) fn pgbench(database: &TestDatabase, script: &str) -> f64 {
    let file = env::temp_dir().join(format!("fairlead-bench-{}.sql", std::process::id()));
    fs::write(&file, script).expect("a script");
    let output = Command::new(Path::new(&required("FAIRLEAD_TEST_POSTGRES_BIN")).join("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--max-tries=20", "--jobs=2"])
        .arg(format!("--client={WRITERS}"))
        .arg(format!("--time={SECONDS}"))
        .arg(format!("--define=streams={STREAMS}"))
        .arg(format!("--file={}", file.display()))
        .arg(database.app_url())
        .output()
        .expect("pgbench");
    fs::remove_file(&file).expect("the script, removed");
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    assert!(tps.is_some(), "pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
    tps.unwrap_or_default()
}
