//! Who answers at an address of the web.

use std::net::IpAddr;

use url::Url;

/// Whether nobody on the way can answer in the place of whom a URL names: it speaks TLS, or leads to this machine.
pub fn is_safe(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(|host| {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::is_safe;

    #[test]
    fn only_tls_and_this_machine_are_safe() {
        for url in ["https://id.example.com/a", "http://localhost:1", "http://127.0.0.1/x", "http://[::1]:80/"] {
            assert!(is_safe(url), "{url}");
        }
        let others =
            ["http://id.example.com", "http://127.0.0.1.example.com", "http://localhost.example", "ftp://localhost"];
        for url in others.into_iter().chain(["", "id.example.com", "javascript:0", "http://10.0.0.1", "//localhost"]) {
            assert!(!is_safe(url), "{url}");
        }
    }
}
