//! Letters: who writes them, who sends them, and the consumer in between.

use std::sync::Arc;

use fairlead_application::{
    App,
    identity::{Correspondence, Mailer, Tickets},
    ports::System,
};
use fairlead_mail::{MailFolder, Post, Sender, Smtp, SmtpLimits, builder};
use fairlead_postgres::{Databases, Nudge, PostgresStore};
use futures::future::BoxFuture;
use secrecy::ExposeSecret;
use tracing::warn;

use crate::{Failure, config::Config, database, serve::Part};

/// Of the pool by which records are read: a lane reads one after the other, and retries as many.
const READING: usize = 4;
/// Of the pool in which events are handled: see the consumer kit's guide.
const HANDLING: usize = 8;

/// What a worker does about letters.
pub(crate) struct Mail {
    /// Sends them.
    pub(crate) part: Part,
    /// Where what they say is read.
    pub(crate) databases: Databases,
    /// Until events that ask for one are kept for the consumer.
    pub(crate) declared: BoxFuture<'static, ()>,
}

/// The consumer that sends letters.
pub(crate) fn mail(config: &Config) -> Result<Mail, Failure> {
    let databases = database::app(config, READING)?;
    let store = PostgresStore::new(databases.clone(), Arc::new(Nudge::default()));
    let app = App::new(Arc::new(store), Arc::new(System), Arc::new(System));
    let correspondence = Correspondence::new(app, Tickets::new(&config.secret()?), &app_url(config)?);
    let post = Post::new(correspondence, mailer(config)?);
    let engine = database::engine(config, HANDLING)?.connections();
    let consumer = builder(config.amqp_url()?.expose_secret(), engine).handler(post)?;
    let declared = Box::pin(consumer.declared());
    Ok(Mail { part: Part::new("mail", |stop| consumer.run(stop)), databases, declared })
}

/// Where people use Fairlead: links lead there, and providers send people back.
pub(crate) fn app_url(config: &Config) -> Result<String, Failure> {
    let Some(url) = &config.app_url else { return Ok(format!("http://{}", config.http_address)) };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let printable = url.chars().all(|character| character.is_ascii_graphic() && !"?#\"<>".contains(character));
    if host.is_empty() || !printable {
        return Err("app_url is wrong: expected an address such as https://app.example.com".into());
    }
    Ok(url.clone())
}

fn mailer(config: &Config) -> Result<Arc<dyn Mailer>, Failure> {
    let sender: Sender = config.mail_from()?.parse().map_err(|error| format!("mail_from is wrong: {error}"))?;
    let Some(url) = &config.smtp_url else {
        warn!(folder = %config.mail_directory.display(), "letters are written into files: smtp_url is not set");
        return Ok(Arc::new(MailFolder::new(config.mail_directory.clone(), sender)));
    };
    let smtp = Smtp::new(url, sender, SmtpLimits::default());
    Ok(Arc::new(smtp.map_err(|error| format!("smtp_url is wrong: {error}"))?))
}
