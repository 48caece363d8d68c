//! Somebody in front of a provider's pages.

use std::collections::BTreeMap;

use fairlead_application::identity::oidc::Answer;
use reqwest::{Client, RequestBuilder, Response, Url, redirect::Policy};

/// A browser: keeps cookies, and takes what pages ask for.
pub struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
    /// What addresses begin with to which the provider sends people back.
    home: String,
}

impl Browser {
    /// A browser that a provider sends back to this web client.
    ///
    /// # Panics
    /// There can be no client for HTTP.
    pub fn new(home: &str) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, cookies: BTreeMap::new(), home: home.to_owned() }
    }

    /// Signs in under this name and agrees to everything; what the browser brings back.
    ///
    /// # Panics
    /// The provider is not as its tests know it.
    pub async fn sign_in(&mut self, url: &str, login: &str) -> Answer {
        let mut place = Url::parse(url).unwrap();
        for _ in 0..12 {
            if place.as_str().starts_with(&self.home) {
                return answer(&place);
            }
            let page = self.ask(self.client.get(place.clone())).await;
            place = match next(&place, &page) {
                Some(place) => place,
                None => {
                    let text = page.text().await.unwrap();
                    let form = match text.contains("name=\"login\"") {
                        true => format!("prompt=login&login={login}&password=any"),
                        false => "prompt=consent".to_owned(),
                    };
                    let sent = self.client.post(place.clone()).body(form);
                    let sent = sent.header("content-type", "application/x-www-form-urlencoded");
                    let page = self.ask(sent).await;
                    next(&place, &page).expect("the form is taken")
                }
            };
        }
        unreachable!("too many pages")
    }

    /// Turns away at the first page.
    ///
    /// # Panics
    /// The provider is not as its tests know it.
    pub async fn refuse(&mut self, url: &str) -> Answer {
        let mut place = Url::parse(url).unwrap();
        let page = self.ask(self.client.get(place.clone())).await;
        place = next(&place, &page).unwrap();
        place.set_path(&format!("{}/abort", place.path()));
        while !place.as_str().starts_with(&self.home) {
            let page = self.ask(self.client.get(place.clone())).await;
            place = next(&place, &page).unwrap();
        }
        answer(&place)
    }

    async fn ask(&mut self, request: RequestBuilder) -> Response {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let page = request.header("cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in page.headers().get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match value.is_empty() {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        page
    }
}

/// Where a page leads by itself.
fn next(from: &Url, page: &Response) -> Option<Url> {
    let location = page.headers().get("location")?;
    Some(from.join(location.to_str().unwrap()).unwrap())
}

fn answer(place: &Url) -> Answer {
    let query: BTreeMap<_, _> = place.query_pairs().into_owned().collect();
    let part = |name: &str| query.get(name).cloned();
    Answer { state: part("state"), code: part("code"), issuer: part("iss"), error: part("error") }
}
