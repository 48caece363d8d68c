//! What a request brings with it.

use fairlead_application::{
    TraceParent,
    consistency::{ConsistencyToken, SLOTS, slot_bit},
};
use proptest::{prelude::any, prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

#[test]
fn a_traceparent_of_version_00_is_taken() {
    for text in [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        "00-00000000000000000000000000000001-0000000000000001-ff",
    ] {
        assert_eq!(TraceParent::parse(text).unwrap().as_str(), text);
    }
}

#[test]
fn any_other_traceparent_is_refused() {
    for text in [
        "",
        "00",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n",
        "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
    ] {
        assert_eq!(TraceParent::parse(text).map_err(|invalid| invalid.code), Err("traceparent.invalid"), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_traceparent_or_refused(text in ".{0,80}|0[0-9a-f]-[0-9a-f]{31,33}-[0-9a-f]{16}-[0-9a-f]{1,3}") {
        if let Ok(parent) = TraceParent::parse(&text) {
            prop_assert_eq!(parent.as_str(), &text);
            prop_assert_eq!(text.len(), 55);
        }
    }

    #[test]
    fn a_consistency_token_is_read_as_it_was_written(
        incarnation in 1..=i32::MAX, xid in 0..=i64::MAX as u64, slots in 1..=u64::MAX,
    ) {
        let token = ConsistencyToken { incarnation, xid, slots };
        prop_assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn any_text_is_a_consistency_token_or_refused(text in ".{0,40}|[+-]?[0-9]{1,12}\\.[0-9]{1,21}\\.[0-9a-fA-F]{1,17}") {
        match text.parse::<ConsistencyToken>() {
            Ok(token) => {
                prop_assert_eq!(token.to_string(), text);
                prop_assert!(i64::try_from(token.xid).is_ok(), "PostgreSQL's driver takes it as a signed number");
            }
            Err(invalid) => prop_assert_eq!(invalid.code, "consistency.invalid"),
        }
    }

    #[test]
    fn a_stream_has_one_slot_within_its_tenant(tenant in any::<u128>(), stream in any::<u128>()) {
        let bit = slot_bit(Uuid::from_u128(tenant).into(), Uuid::from_u128(stream));
        prop_assert_eq!(bit.count_ones(), 1);
        prop_assert_eq!(u128::from(bit.trailing_zeros()), (tenant ^ stream) % u128::from(SLOTS));
    }
}
