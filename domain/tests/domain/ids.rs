//! Identifiers.

use fairlead_domain::ids::{ApiKeyId, ContactId, OrganizationId, ProjectId, RoleId, SessionId, UserId};
use uuid::Uuid;

const TEXT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

macro_rules! is_a_typed_uuid {
    ($($test:ident: $id:ty),+) => {$(
        #[test]
        fn $test() {
            let id: $id = TEXT.parse().unwrap();
            assert_eq!(id.to_string(), TEXT);
            assert_eq!(Uuid::from(id).to_string(), TEXT);
            assert_eq!(<$id>::from(Uuid::from(id)), id);
            assert_eq!(serde_json::to_value(id).unwrap(), TEXT);
            assert_eq!(serde_json::from_value::<$id>(TEXT.into()).unwrap(), id);
            for broken in ["", "1", &TEXT[1..], "contact"] {
                assert!(broken.parse::<$id>().is_err(), "{broken}");
            }
        }
    )+};
}

is_a_typed_uuid! {
    an_organization_id_is_a_uuid: OrganizationId,
    a_project_id_is_a_uuid: ProjectId,
    a_user_id_is_a_uuid: UserId,
    a_contact_id_is_a_uuid: ContactId,
    a_role_id_is_a_uuid: RoleId,
    an_api_key_id_is_a_uuid: ApiKeyId,
    a_session_id_is_a_uuid: SessionId
}

#[test]
fn the_directory_has_an_id_that_no_organization_is_given() {
    assert_eq!(OrganizationId::DIRECTORY.to_string(), "00000000-0000-7000-8000-000000000000");
}
