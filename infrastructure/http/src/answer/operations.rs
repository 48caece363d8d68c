//! The operations of batches, as they are read and as the document tells of them.

/// Says what can be done with a kind of record in a batch: `new` operations make a record of what they hold, `record` ones are about
/// one that has an id. Yields the verbs that are read, and the schemas of the batch and of its operations.
macro_rules! operations {
    (
        $(#[$batch_meta:meta])* $batch:ident of
        $(#[$operation_meta:meta])* $operation:ident { $($all:tt)* }
    ) => {
        $crate::answer::operations! {
            @grow [$(#[$batch_meta])* $batch of $(#[$operation_meta])* $operation] [] [] $($all)*
        }
    };
    (@grow $head:tt [$($verbs:ident)*] [$($done:tt)*]
        $(#[$meta:meta])* new $verb:ident { $($fields:tt)* } $($rest:tt)*
    ) => {
        $crate::answer::operations! {
            @grow $head [$($verbs)* $verb] [$($done)* $(#[$meta])* #[serde(deny_unknown_fields)] $verb { $($fields)* },]
            $($rest)*
        }
    };
    (@grow $head:tt [$($verbs:ident)*] [$($done:tt)*]
        $(#[$meta:meta])* record $verb:ident { $($fields:tt)* } $($rest:tt)*
    ) => {
        $crate::answer::operations! {
            @grow $head [$($verbs)* $verb] [$($done)* $(#[$meta])* #[serde(deny_unknown_fields)] $verb {
                /// The record.
                id: Uuid,
                /// The version at which it must be when it is this operation's turn; any if missing.
                #[schema(required = false, minimum = 1)]
                if_match: i64,
                $($fields)*
            },]
            $($rest)*
        }
    };
    (@grow [
            $(#[$batch_meta:meta])* $batch:ident of $(#[$operation_meta:meta])* $operation:ident
        ] [$($verbs:ident)*] [$($variants:tt)*]
    ) => {
        /// What can be done; the schema of an operation says of what each takes.
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum Verb {
            $($verbs,)*
        }

        #[derive(ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$batch_meta])*
        #[expect(dead_code, reason = "for the document; what is read is generic")]
        pub(super) struct $batch {
            /// Whether all take effect or none; each for itself if missing.
            #[schema(required = false)]
            atomic: bool,
            /// In the order in which they take effect.
            #[schema(min_items = 1, max_items = 1000)]
            operations: Vec<$operation>,
        }

        #[derive(ToSchema)]
        #[serde(tag = "op", rename_all = "snake_case")]
        $(#[$operation_meta])*
        #[expect(dead_code, reason = "for the document; what is read is generic")]
        pub(super) enum $operation {
            $($variants)*
        }

        #[cfg(test)]
        mod tests {
            #[test]
            fn the_document_tells_of_what_is_read() {
                use utoipa::PartialSchema as _;
                let schema = serde_json::to_value(super::$operation::schema()).unwrap();
                let forms = schema["oneOf"].as_array().unwrap().iter();
                let told: Vec<_> = forms.map(|form| form["properties"]["op"]["enum"][0].as_str().unwrap()).collect();
                assert_eq!(told, $crate::document::closed::names::<super::Verb>());
            }
        }
    };
}
pub(crate) use operations;
