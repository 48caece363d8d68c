//! A wrong or missing setting names itself, and the program refuses to start.

use std::process::Command;

use fairlead_testing::database::ENCRYPTION_KEYS;

#[test]
fn what_is_missing_or_wrong_is_named() {
    let complete = [
        ("FAIRLEAD_DATABASE_URL", "postgres://localhost/fairlead"),
        ("FAIRLEAD_APP_DATABASE_URL", "postgres://app@localhost:1/fairlead"),
        ("FAIRLEAD_ENGINE_DATABASE_URL", "postgres://engine@localhost:1/fairlead"),
        ("FAIRLEAD_AMQP_URL", "amqp://localhost"),
        ("FAIRLEAD_HTTP_ADDRESS", "127.0.0.1:0"),
        ("FAIRLEAD_SECRET_KEY", "ssssssssssssssssssssssssssssssss"),
        ("FAIRLEAD_ENCRYPTION_KEYS", ENCRYPTION_KEYS),
    ];
    let run = |role: &str, without: &str, with: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fairlead"));
        let settings = complete.iter().filter(|(name, _)| *name != without);
        let output = command.arg(role).env_clear().envs(settings.copied()).envs(with.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{role} without {without} with {with:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (role, name) in [
        ("worker", "FAIRLEAD_ENGINE_DATABASE_URL"),
        ("api", "FAIRLEAD_APP_DATABASE_URL"),
        ("api", "FAIRLEAD_ENGINE_DATABASE_URL"),
        ("api", "FAIRLEAD_ENCRYPTION_KEYS"),
        ("worker", "FAIRLEAD_ENCRYPTION_KEYS"),
        ("dev", "FAIRLEAD_ENGINE_DATABASE_URL"),
        ("token", "FAIRLEAD_ORGANIZATION_ID"),
    ] {
        assert!(run(role, name, &[]).contains(name), "{role}");
    }
    for (name, value, named) in [
        ("FAIRLEAD_HTTP_ADDRESS", "nowhere", "FAIRLEAD_HTTP_ADDRESS"),
        ("FAIRLEAD_MAX_BODY_BYTES", "-1", "FAIRLEAD_MAX_BODY_BYTES"),
        ("FAIRLEAD_SECRET_KEY", "short", "secret_key"),
        (
            "FAIRLEAD_TRUSTED_ISSUERS",
            r#"[{"issuer":"a","audience":"b","algorithms":["RS256"],"secret":"c"}]"#,
            "trusted_issuers: a",
        ),
        ("FAIRLEAD_ENCRYPTION_KEYS", "own:short", "FAIRLEAD_ENCRYPTION_KEYS"),
        ("FAIRLEAD_APP_DATABASE_URL", "mysql://x", "app_database_url"),
        ("FAIRLEAD_AMQP_URL", "http://x", "amqp_url"),
        ("FAIRLEAD_CORS_ORIGINS", "not a site", "cors_origins"),
        ("FAIRLEAD_HTP_ADDRESS", "127.0.0.1:1", "FAIRLEAD_HTP_ADDRESS"),
        ("FAIRLEAD_LOG_FILTER", "=x=", "log_filter"),
        ("FAIRLEAD_OTLP_ENDPOINT", "not a url", "otlp_endpoint"),
    ] {
        let error = run("api", "", &[(name, value)]);
        assert!(error.contains(named), "{name}: {error}");
        assert_eq!(error.lines().count(), 1, "one sentence: {error}");
    }
    assert!(run("api", "", &[]).contains("app_database_url"), "nobody answers there");
}
