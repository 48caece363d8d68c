//! The contract of events, served.

use std::{fs, path::Path};

use serde_json::Value;

use crate::service::{Ask, Service};

fn committed(path: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guides/contracts");
    serde_json::from_slice(&fs::read(folder.join(path)).unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_promised_is_served_to_everybody() {
    let service = Service::start().await;
    let document = service.bare("GET", "/asyncapi.json").answer().await;
    assert_eq!((document.status.as_u16(), document.header("content-type")), (200, "application/json"));
    assert_eq!(document.body, committed("asyncapi.json"));
    let mut count = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guides/contracts/events")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let schema = service.bare("GET", &format!("/schemas/events/{name}")).answer().await;
        assert_eq!((schema.status.as_u16(), schema.header("content-type")), (200, "application/schema+json"), "{name}");
        assert!(schema.header("cache-control").contains("max-age"));
        assert_eq!(schema.body, committed(&format!("events/{name}")));
        count += 1;
    }
    assert!(count > 50, "this test looks in the wrong folder");
}

#[tokio::test]
async fn nothing_else_is_served() {
    let service = Service::start().await;
    let missing =
        ["contact.created.v99.json", "contact.created", "..%2Fasyncapi.json", "..%2F..%2Fopenapi.json", "%00", "."];
    for file in missing {
        let answer = service.bare("GET", &format!("/schemas/events/{file}")).answer().await;
        assert_eq!(answer.status, 404, "{file}: {}", answer.body);
    }
    let page = service.bare("GET", "/schemas/events/contact.created.v1.json?x=1").answer().await;
    assert_eq!(page.status, 422, "{}", page.body);
}
