//! The domain from outside: given what happened, when something is asked for, then what happens or why it doesn't.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

mod activity;
mod activity_records;
mod activity_words;
mod api_key;
mod attributes;
mod business_values;
mod comment;
mod company;
mod company_merging;
mod company_upsert;
mod contact;
mod contact_list;
mod contact_merging;
mod contact_records;
mod custom_field;
mod deal;
mod deal_profile;
mod grants;
mod ids;
mod kernel;
mod membership;
mod organization;
mod pipeline;
mod privacy;
mod project;
mod properties;
mod role;
mod samples;
mod schema;
mod session;
mod stories;
mod strategies;
mod user;
mod user_sign_in;
mod values;
mod words;
