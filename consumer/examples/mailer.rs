//! A service beside Fairlead, whole: it writes a letter whenever a contact gets an e-mail address.
//!
//! `AMQP_URL=amqp://… DATABASE_URL=postgres://… mailer run`, and for its operator `mailer held`, `mailer replay`,
//! `mailer discard <tenant> <stream> <event>` and `mailer dead-letters <count>`. Everything of it lies in the schema
//! `mailer` of its own database.

#![expect(clippy::print_stdout, reason = "an operator reads it")]

use std::{error::Error, str::FromStr, time::Duration};

use async_trait::async_trait;
use deadpool_postgres::{Manager, Pool, Runtime};
use fairlead_consumer::{Consumer, Event, Failure, Handler, Inbox, Operator, Transaction, Which};
use fairlead_events::{
    crm::{Contact, ContactEvent},
    values::Email,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const NAME: &str = "mailer";
const SCHEMA: &str = "mailer";

/// Writes letters down, to be sent by whoever sends: that part takes `id` as its idempotency key.
struct Letters;

#[async_trait]
impl Handler for Letters {
    type Reads = Contact;

    async fn handle(&self, transaction: &Transaction<'_>, event: &Event<ContactEvent>) -> Result<(), Failure> {
        let address = match &event.data {
            ContactEvent::Created(profile) => profile.emails.primary(),
            ContactEvent::EmailChanged { emails } => emails.primary(),
            _ => None,
        };
        // Erased meanwhile, or there never was one: nobody to write to.
        let Some(address) = address.map(Email::as_str) else { return Ok(()) };
        if address.ends_with(".invalid") {
            // Trying again would not help (RFC 2606); an operator should see it.
            return Err(Failure::reject("the address can't exist"));
        }
        let sql = "insert into mailer.letters (id, contact, version, address) values ($1, $2, $3, $4)";
        let id = event.derived_id("letter");
        transaction.execute(sql, &[&id, &event.stream, &event.version, &address]).await?;
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let broker = std::env::var("AMQP_URL").map_err(|_| "AMQP_URL is not set")?;
    let database = std::env::var("DATABASE_URL").map_err(|_| "DATABASE_URL is not set")?;
    let manager = Manager::new(tokio_postgres::Config::from_str(&database)?, NoTls);
    // A service whose database is lost for a while should not wait for it forever, but try again.
    let limit = Some(Duration::from_secs(5));
    let pool = Pool::builder(manager).max_size(8).runtime(Runtime::Tokio1).wait_timeout(limit).create_timeout(limit);
    let pool = pool.build()?;
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    if let ["run"] = arguments[..] {
        return run(broker, pool).await;
    }
    let operator = Operator::new(NAME, pool, SCHEMA)?;
    match arguments[..] {
        ["held"] => operator.held(100).await?.iter().for_each(|stream| println!("{stream:?}")),
        ["replay"] => println!("{} streams are tried again", operator.replay(Which::All).await?),
        ["discard", tenant, stream, event] => {
            let discarded = operator.discard(tenant.parse()?, stream.parse()?, event.parse()?).await?;
            println!("{}", if discarded { "discarded" } else { "its stream does not wait for this event" });
        }
        ["dead-letters", count] => println!("{:?}", operator.replay_dead_letters(&broker, count.parse()?).await?),
        _ => return Err("usage: mailer run | held | replay | discard TENANT STREAM EVENT | dead-letters COUNT".into()),
    }
    Ok(())
}

async fn run(broker: String, pool: Pool) -> Result<()> {
    {
        let mut client = pool.get().await?;
        Inbox::install(&mut client, SCHEMA).await?;
        let sql = "create table if not exists mailer.letters (
                     number bigint not null generated always as identity primary key, id uuid not null,
                     contact uuid not null, version bigint not null, address text not null)";
        client.batch_execute(sql).await?;
    }
    let consumer = Consumer::builder(NAME)
        .broker(broker)
        .database(pool, SCHEMA)
        .bind("crm.contact.created")
        .bind("crm.contact.email_changed")
        .lanes(2)
        .handler(Letters)?;
    let stop = CancellationToken::new();
    let asked = stop.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        asked.cancel();
    });
    consumer.run(stop).await;
    Ok(())
}
