//! Signing in by `OpenID` Connect providers whom the settings name (`OpenID` Connect Core 1.0, `OpenID` Connect Discovery
//! 1.0): the authorization code flow with PKCE (RFC 7636) and the provider's name in its answer (RFC 9207).

mod claims;
mod client;
mod discovery;
mod providers;
mod settings;
mod web;

pub use providers::OpenIdProviders;
pub use settings::{InvalidProvider, OidcProvider};
