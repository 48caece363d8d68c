//! Letters as files.

use std::{fs, os::unix::fs::PermissionsExt};

use chrono::{DateTime, Utc};
use fairlead_application::identity::{Letter, MailError, Mailer, Recipient};
use fairlead_domain::values::Email;
use fairlead_mail::MailFolder;
use uuid::Uuid;

fn letter(message_id: u128, asked_at: &str) -> Letter {
    let to = Recipient { address: Email::new("ana@example.com").unwrap(), name: None };
    let [subject, text, html] = ["Hello", "the text", "<p>the page</p>"].map(str::to_owned);
    let asked_at = asked_at.parse::<DateTime<Utc>>().unwrap();
    Letter { message_id: Uuid::from_u128(message_id), asked_at, to, subject, text, html }
}

#[tokio::test]
async fn a_letter_is_one_file_however_often_it_comes() {
    let folder = std::env::temp_dir().join(format!("fairlead-mail-{}", Uuid::new_v4()));
    let mailer = MailFolder::new(folder.join("deep"), "a@example.com".parse().unwrap());
    mailer.send(&letter(1, "2026-03-04T05:06:08Z")).await.unwrap();
    for _ in 0..2 {
        mailer.send(&letter(2, "2026-03-04T05:06:07.5Z")).await.unwrap();
    }
    let mut files: Vec<_> = fs::read_dir(folder.join("deep")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "20260304T050607.500000Z-00000000-0000-0000-0000-000000000002.eml",
            "20260304T050608.000000Z-00000000-0000-0000-0000-000000000001.eml"
        ]
    );
    let text = fs::read_to_string(&files[0]).unwrap();
    assert!(
        text.contains("Message-ID: <00000000-0000-0000-0000-000000000002@example.com>") && text.contains("the text")
    );
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_dir_all(&folder).unwrap();

    // Where there is a file in the place of the folder, the letter waits.
    fs::write(&folder, "").unwrap();
    let refused = mailer.send(&letter(1, "2026-03-04T05:06:08Z")).await.unwrap_err();
    assert!(matches!(&refused, MailError::Transient(why) if !why.contains("deep")), "{refused:?}");
    fs::remove_file(&folder).unwrap();
}
