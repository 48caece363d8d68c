//! A virtual host of the test broker for each test.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::required;

/// Until the broker answers.
const LIMIT: Duration = Duration::from_secs(30);

/// A virtual host of the broker, with a user of its own. Both go, with everything in them, when it is dropped.
pub struct VirtualHost {
    /// Of the virtual host and of the user.
    name: String,
    url: Url,
    admin: Admin,
    deleted: bool,
}

impl VirtualHost {
    /// Makes one in the broker of `FAIRLEAD_TEST_AMQP_URL` and `FAIRLEAD_TEST_AMQP_ADMIN_URL`. Installs the process's
    /// cryptography too, since every connection needs it.
    ///
    /// # Panics
    /// A variable is not set, or the broker does not do it.
    pub async fn create() -> Self {
        // An error says that it is installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let name = format!("test-{}", Uuid::new_v4());
        let password = Uuid::new_v4().to_string();
        let mut url = Url::parse(&required("FAIRLEAD_TEST_AMQP_URL")).expect("FAIRLEAD_TEST_AMQP_URL is a URL");
        url.set_username(&name).expect("a URL with a host");
        url.set_password(Some(&password)).expect("a URL with a host");
        url.set_path(&name);
        let host = Self { name, url, admin: Admin::new(), deleted: false };
        let user = json!({ "password": password, "tags": "" });
        let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        host.admin.ask(Method::PUT, &["vhosts", &host.name], json!({})).await;
        host.admin.ask(Method::PUT, &["users", &host.name], user).await;
        host.admin.ask(Method::PUT, &["permissions", &host.name, &host.name], everything).await;
        host
    }

    /// The AMQP URL of the virtual host, with credentials.
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Has the broker close every connection to the virtual host, as an operator may.
    ///
    /// # Panics
    /// The broker does not do it.
    pub async fn close_connections(&self) {
        // By user: single connections are listed only where the broker collects statistics, and seconds late.
        self.admin.ask(Method::DELETE, &["connections", "username", &self.name], Value::Null).await;
    }

    /// Deletes the virtual host under those who use it.
    ///
    /// # Panics
    /// The broker does not do it.
    pub async fn vanish(&self) {
        self.admin.delete(&self.name).await;
    }

    /// Deletes the virtual host. Dropping does the same, but blocks the thread meanwhile.
    ///
    /// # Panics
    /// The broker does not do it.
    pub async fn delete(mut self) {
        self.admin.delete(&self.name).await;
        self.deleted = true;
    }
}

impl Drop for VirtualHost {
    fn drop(&mut self) {
        if self.deleted {
            return;
        }
        let name = self.name.clone();
        // A thread of its own: this one may be inside a runtime, or in the middle of a panic.
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(Admin::new().delete(&name));
        });
        if deleting.join().is_err() {
            eprintln!("the virtual host {} was left behind", self.name);
        }
    }
}

/// The broker's management interface. <https://www.rabbitmq.com/docs/management#http-api>
struct Admin {
    client: Client,
    url: Url,
}

impl Admin {
    fn new() -> Self {
        let url = Url::parse(&required("FAIRLEAD_TEST_AMQP_ADMIN_URL")).expect("FAIRLEAD_TEST_AMQP_ADMIN_URL is a URL");
        let client = Client::builder().no_proxy().timeout(LIMIT).build().expect("a client");
        Self { client, url }
    }

    /// Deletes a virtual host and its user.
    async fn delete(&self, name: &str) {
        self.ask(Method::DELETE, &["vhosts", name], Value::Null).await;
        self.ask(Method::DELETE, &["users", name], Value::Null).await;
    }

    /// Asks for something to be done; what is to be deleted may be gone.
    async fn ask(&self, method: Method, path: &[&str], body: Value) {
        let mut url = self.url.clone();
        url.path_segments_mut().expect("an http URL").pop_if_empty().push("api").extend(path);
        let what = format!("{method} /{}", path.join("/"));
        let gone = (method == Method::DELETE).then_some(StatusCode::NOT_FOUND);
        let mut request = self.client.request(method, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        // The URL in an error would show the password.
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let status = answer.unwrap_or_else(|error| panic!("the broker does not answer {what}: {error}")).status();
        assert!(status.is_success() || Some(status) == gone, "the broker answers {what} with {status}");
    }
}
