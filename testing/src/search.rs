//! Looks for values wherever they may be left in a database.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use tokio_postgres::Client;

use crate::cluster;

/// The forms in which a value may be found, all in lower case: as it is, in JSON, hexadecimal, percent-encoded, and as it
/// stands within base64, wherever it begins there.
fn forms(value: &str) -> BTreeSet<String> {
    let hex = |value: &str| value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let percent: String = value
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect();
    let mut forms = BTreeSet::from([value.to_owned(), percent, hex(value), hex(&value.to_lowercase())]);
    for text in [value.to_owned(), value.to_lowercase()] {
        for shift in 0..3 {
            let shifted = [vec![0; shift], text.clone().into_bytes()].concat();
            let encoded = BASE64_STANDARD_NO_PAD.encode(&shifted);
            // What depends on the bytes before and behind is left out.
            let inner = &encoded[(shift * 4).div_ceil(3)..shifted.len() * 4 / 3 - usize::from(shifted.len() % 3 > 0)];
            forms.insert(inner.to_owned());
        }
    }
    forms.into_iter().map(|form| form.to_lowercase()).filter(|form| form.len() >= 4).collect()
}

fn found_in(text: &str, values: &[&str]) -> BTreeSet<String> {
    let text = text.to_lowercase();
    let found = values.iter().filter(|value| forms(value).iter().any(|form| text.contains(form)));
    found.map(|value| (*value).to_owned()).collect()
}

/// Where values are found, as `table: value`: in every table of every schema, from the catalog.
pub async fn in_tables(admin: &Client, values: &[&str]) -> BTreeSet<String> {
    let sql = "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
                where c.relkind in ('r', 'm', 'p') and n.nspname not in ('information_schema', 'pg_catalog', 'pg_toast')";
    let mut found = BTreeSet::new();
    for table in admin.query(sql, &[]).await.expect("the catalog") {
        let table: String = table.get(0);
        for row in admin.query(&format!("select t::text from {table} t"), &[]).await.expect("the rows") {
            found.extend(found_in(row.get(0), values).into_iter().map(|value| format!("{table}: {value}")));
        }
    }
    found
}

/// The values that are found in a dump of the database.
pub fn in_dump(url: &str, values: &[&str]) -> BTreeSet<String> {
    found_in(&cluster::dump(url), values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_every_form() {
        let value = "Zeb/Quix@x.example";
        for text in [
            "a Zeb/Quix@x.example b".to_owned(),
            "zeb/quix@x.example".to_owned(),
            "Zeb%2FQuix%40x%2Eexample".to_owned(),
            format!("\\x00{}", value.bytes().map(|byte| format!("{byte:02X}")).collect::<String>()),
            BASE64_STANDARD_NO_PAD.encode(format!("{{\"{value}\"}}")),
            BASE64_STANDARD_NO_PAD.encode(format!("{{\"a{value}\"}}")),
            BASE64_STANDARD_NO_PAD.encode(format!("{{\"ab{value}bcd")),
        ] {
            assert_eq!(found_in(&text, &[value, "another"]), BTreeSet::from([value.to_owned()]), "{text}");
        }
    }
}
