use url::{Host, Url};

use super::{
    domain_name::is_name,
    text::{line, text_value},
};
use crate::kernel::Invalid;

text_value! {
    /// The address of a website: `https://example.com/`, 500 characters at most.
    Website
}

impl Website {
    /// Takes an address by `http` or `https`, of a host with a name, without name and password; what may be written in
    /// several ways is written in one.
    ///
    /// # Errors
    /// `website.invalid`
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::new("website.invalid", "must be a web address such as https://example.com");
        let url = Url::parse(&line(text, 500, "website.invalid")?).map_err(|_| invalid())?;
        let named = matches!(url.host(), Some(Host::Domain(name)) if is_name(name));
        let open = url.username().is_empty() && url.password().is_none();
        let address = String::from(url.clone());
        if matches!(url.scheme(), "http" | "https") && named && open && address.len() <= 500 {
            Ok(Self(address))
        } else {
            Err(invalid())
        }
    }
}
