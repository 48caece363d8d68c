//! The health check.

use std::time::{Duration, Instant};

use fairlead_application::health::{Condition, HealthCheck};
use fairlead_rabbitmq::BrokerHealth;
use fairlead_testing::broker::VirtualHost;
use tokio::net::TcpListener;

use crate::support::within;

/// The broker's condition, which is the only one.
async fn asked(health: &BrokerHealth) -> Result<(), String> {
    let [Condition { part, up, detail }] = <[_; 1]>::try_from(health.check().await).unwrap();
    assert_eq!((&*part, health.name()), ("rabbitmq", "rabbitmq"));
    if up { Ok(()) } else { Err(detail.unwrap()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_works_is_healthy_even_after_the_connection_broke() {
    let host = VirtualHost::create().await;
    let health = BrokerHealth::new(host.url().parse().unwrap());
    let answers = futures::future::join_all((0..20).map(|_| asked(&health))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    host.close_connections().await;
    assert_eq!(asked(&health).await, Ok(()));
    assert_eq!(asked(&health).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_gone_is_not_healthy() {
    let host = VirtualHost::create().await;
    let health = BrokerHealth::new(host.url().parse().unwrap());
    assert_eq!(asked(&health).await, Ok(()));
    host.delete().await;
    within("the check notices", async { while asked(&health).await.is_ok() {} }).await;
    let health = BrokerHealth::new("amqp://ana:s3cret@127.0.0.1:1/".parse().unwrap());
    let error = asked(&health).await.unwrap_err();
    assert!(!error.contains("s3cret") && !error.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_hangs_is_reported_in_time_and_tried_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let health = BrokerHealth::new(format!("amqp://{}/", listener.local_addr().unwrap()).parse().unwrap());
    for _ in 0..2 {
        let began = Instant::now();
        assert!(asked(&health).await.is_err());
        assert!(began.elapsed() < Duration::from_secs(4));
    }
    let (_silent, _) = within("one connection", listener.accept()).await.unwrap();
    let second = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
    assert!(second.is_err(), "the second check went on with the first one's connection");
}
