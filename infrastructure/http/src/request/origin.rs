//! From where a request comes.

use std::{
    iter,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use actix_web::{
    HttpRequest,
    http::header::{HeaderName, USER_AGENT, X_FORWARDED_FOR},
    web::Data,
};
use fairlead_domain::values::Origin;
use ipnet::IpNet;

/// The networks of the proxies that stand before the server. What they say of where a request comes from is believed.
/// Written as addresses and networks with commas between them: `10.0.0.0/8, 192.0.2.7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected addresses and networks, such as 10.0.0.0/8 or 192.0.2.7")]
pub struct InvalidProxies;

impl FromStr for TrustedProxies {
    type Err = InvalidProxies;

    fn from_str(text: &str) -> Result<Self, InvalidProxies> {
        let network = |text: &str| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let networks = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        networks.map(network).collect::<Result<_, _>>().map(Self).map_err(|_| InvalidProxies)
    }
}

impl TrustedProxies {
    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client, where each proxy has appended whom it had before it: the nearest that is no proxy of ours. What stands
    /// before that one, anybody may have written. Where nothing can be read any further, the farthest that could.
    fn client<'v>(&self, peer: IpAddr, forwarded: impl DoubleEndedIterator<Item = &'v str>) -> IpAddr {
        let mut farthest = peer;
        for address in iter::once(Some(peer)).chain(forwarded.rev().map(address)) {
            let Some(address) = address else { break };
            farthest = address;
            if !self.contain(address) {
                break;
            }
        }
        farthest
    }
}

/// From where a request comes: the peer, or whom proxies name that are trusted.
pub(super) fn origin(request: &HttpRequest) -> Origin {
    let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let forwarded = request.headers().get_all(X_FORWARDED_FOR).map(|value| value.to_str().unwrap_or_default());
    let forwarded = forwarded.collect::<Vec<_>>();
    let entries = forwarded.iter().flat_map(|line| line.split(','));
    let address = request.peer_addr().map(|peer| peer.ip().to_canonical());
    let address = address.map(|peer| match request.app_data::<Data<TrustedProxies>>() {
        Some(proxies) => proxies.client(peer, entries),
        None => peer,
    });
    Origin::new(address, text(&USER_AGENT))
}

/// An address, perhaps with a port, as some proxies write it.
fn address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim().trim_matches('"');
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().or_else(|_| entry.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    const PROXY: &str = "10.0.0.1:4711";

    /// Where a request comes from that reaches us from `peer` with these lines of `X-Forwarded-For`.
    fn seen(proxies: &str, peer: &str, lines: &[&str]) -> String {
        let proxies: TrustedProxies = proxies.parse().unwrap();
        let request = TestRequest::default().app_data(Data::new(proxies)).peer_addr(peer.parse().unwrap());
        let request = lines.iter().fold(request, |request, line| request.append_header((X_FORWARDED_FOR, *line)));
        origin(&request.to_http_request()).address.unwrap().to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_says_where_a_request_comes_from() {
        assert_eq!(seen("", PROXY, &["203.0.113.9"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.0/8", "198.51.100.1:1", &["203.0.113.9"]), "198.51.100.1");
        assert_eq!(seen("10.0.0.0/8", PROXY, &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.0/8", PROXY, &[]), "10.0.0.1");
    }

    #[test]
    fn what_stands_before_the_nearest_stranger_is_not_believed() {
        assert_eq!(seen("10.0.0.0/8", PROXY, &["1.2.3.4, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.0/8", PROXY, &["1.2.3.4", "203.0.113.9, 10.9.9.9"]), "203.0.113.9");
        assert_eq!(seen("10.0.0.0/8", PROXY, &["10.0.0.3, 10.0.0.2"]), "10.0.0.3", "all are ours: the farthest");
        assert_eq!(
            seen("10.0.0.0/8", PROXY, &["1.2.3.4, unknown, 10.0.0.2"]),
            "10.0.0.2",
            "no further than is legible"
        );
        assert_eq!(seen("10.0.0.0/8", PROXY, &["1.2.3.4,"]), "10.0.0.1");
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (written, address) in [
            ("203.0.113.9:5000", "203.0.113.9"),
            ("[2001:db8::1]:5000", "2001:db8::1"),
            ("\"[2001:db8::1]\"", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
        ] {
            assert_eq!(seen("10.0.0.1", PROXY, &[written]), address, "{written}");
        }
        assert_eq!(seen("10.0.0.1", "[::ffff:10.0.0.1]:1", &["203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn networks_are_read_and_nonsense_refused() {
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
        assert!("10.0.0.0/8, 192.0.2.7, 2001:db8::/32".parse::<TrustedProxies>().is_ok());
        for text in ["10.0.0.0/33", "proxy.example.com", "10.0.0", "*"] {
            assert_eq!(text.parse::<TrustedProxies>(), Err(InvalidProxies), "{text}");
        }
    }
}
