//! Values of which there are so many and no more, as schemas.
//!
//! The layers below know nothing of documents. What their enumerations hold is asked of serde, so that no list here falls
//! behind them.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

macro_rules! closed {
    ($($(#[doc = $doc:literal])+ $name:ident = $values:ty;)+) => {$(
        $(#[doc = $doc])+
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let values = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names::<$values>()));
                values.description(Some(concat!($($doc),+).trim_ascii())).into()
            }
        }

        impl ToSchema for $name {}
    )+};
}
closed! {
    /// What an activity is: something to remember, something to be done, a talk by telephone, or at an appointed time.
    ActivityKind = fairlead_domain::crm::ActivityKind;
    /// What the values of a custom field are: `text` one line of 255 characters, `long_text` 5,000 characters, `number` below 10^15 in
    /// magnitude, `money` an amount in minor units of a currency, `date` as 2026-01-31, `time` as in RFC 3339, `boolean`, `select` the key of
    /// an option, `multi_select` a list of such keys, `url`, `email`, `phone` in international form, `reference` another record.
    AttributeKind = fairlead_domain::crm::AttributeKind;
    /// What somebody is who does something; `anonymous` where nobody is known.
    ActorKind = fairlead_application::identity::ActorKind;
    /// What a person said to being reached by a channel.
    ConsentStatus = fairlead_domain::crm::ConsentStatus;
    /// How a deal stands.
    DealStatus = fairlead_domain::crm::DealStatus;
    /// How far somebody has come on the way to being a customer.
    LifecycleStage = fairlead_domain::values::LifecycleStage;
    /// Whether an organization can be used; the weightiest reason against it.
    OrganizationStatus = fairlead_domain::identity::OrganizationStatus;
    /// Over which records a right is granted: all, those of the member's projects, or own ones.
    Over = fairlead_domain::values::Over;
    /// How much it matters.
    Priority = fairlead_domain::crm::Priority;
    /// How far a rebuild is: `demanded` waits for a worker, `scanning` and `following` are under way.
    RebuildState = fairlead_application::administration::RebuildState;
    /// A kind of record that something can be about.
    RecordType = fairlead_domain::values::RecordType;
    /// A way to prove who one is.
    SessionMethod = fairlead_domain::identity::SessionMethod;
}

/// What is there only when it is true.
pub(crate) struct True;

impl PartialSchema for True {
    fn schema() -> RefOr<Schema> {
        let description = Some("There only when it is so.");
        ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).description(description).into()
    }
}

impl ToSchema for True {}

/// The names of an enumeration's values.
pub(crate) fn names<T: DeserializeOwned>() -> Vec<&'static str> {
    let mut names = Names(&[]);
    // It always fails: nothing is there to be read.
    drop(T::deserialize(&mut names));
    names.0.to_vec()
}

/// Hears which names are expected.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = Error;

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.0 = variants;
        Err(Error::custom("only the names are asked for"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no enumeration"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
