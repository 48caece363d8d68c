//! Asking a provider: within bounds, and nobody else.

use std::{pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Client, redirect::Policy};

/// How long a provider may take to answer, in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// A client for requests to providers. Follows no redirect: whoever could send one could have us ask anybody.
pub(crate) struct Web(Client);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error("the request failed: {0}")]
    Failed(String),
    #[error("the answer is {0}")]
    Status(http::StatusCode),
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
}

impl WebError {
    fn failed(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        Self::Failed(format!("{error}: {}", causes.join(": ")))
    }
}

impl Web {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE).connect_timeout(PATIENCE);
        client.build().map(Self)
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, WebError> {
        let request = request.try_into().map_err(WebError::failed)?;
        let mut answer = self.0.execute(request).await.map_err(WebError::failed)?;
        let status = answer.status();
        // What a provider says about a fault of its own is no answer to what was asked.
        if status.is_server_error() || status.is_redirection() || status == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(WebError::Status(status));
        }
        let headers = std::mem::take(answer.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(WebError::failed)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(WebError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Web {
    type Error = WebError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, WebError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
