use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::evidence::ErrorKind;
use crate::load::connection::{Connection, DeadlineTimer};
use crate::load::dialer::Dialer;
use crate::load::hello::Hello;
use crate::load::resp::{Reply, push_command};
use crate::load::testing::Redis;
use crate::network::ClientHost;
use crate::system::{Access, AccessTimeouts, TlsClient, tls_in};

const LARGE: usize = 1 << 20;

fn dialer(tls: Option<TlsClient>) -> Dialer {
    Dialer::new(ClientHost::this(), tls, Hello::default(), LARGE)
}

async fn open(redis: &Redis, tls: Option<TlsClient>) -> Result<Connection, ErrorKind> {
    dialer(tls).open(redis.address, &mut DeadlineTimer::new(), Instant::now() + Duration::from_secs(5)).await
}

/// How a client of another run speaks TLS.
fn stranger() -> TlsClient {
    tls_in(tempfile::tempdir().unwrap().path(), Ipv4Addr::LOCALHOST).1
}

/// What comes back for these commands, as text.
async fn say(connection: &mut Connection, commands: &[&[&[u8]]]) -> Result<Vec<Vec<u8>>, ErrorKind> {
    let (mut request, mut replies) = (Vec::new(), Vec::new());
    for command in commands {
        push_command(&mut request, command);
    }
    let on_reply = |_, reply: &Reply<'_>| match reply {
        Reply::Simple(text) | Reply::Error(text) | Reply::Bulk(text) => replies.push(text.to_vec()),
        other => panic!("{other:?}"),
    };
    connection.exchange(&request, commands.len(), on_reply).await?;
    assert_eq!(connection.handed_over_bytes(), request.len());
    Ok(replies)
}

/// Requests and replies of many records, and more than sockets hold.
#[tokio::test]
async fn tls_carries_what_tcp_carries() {
    let redis = Redis::start_tls().await;
    let mut connection = open(&redis, redis.tls.clone()).await.unwrap();
    let large: Vec<_> = (0..LARGE).map(|index| index.to_le_bytes()[0]).collect();
    let set: &[&[u8]] = &[b"SET", b"large", &large];
    let get: &[&[u8]] = &[b"GET", b"large"];
    let mut commands = vec![set; 8];
    commands.push(get);
    for _ in 0..3 {
        assert!(connection.is_usable());
        let replies = say(&mut connection, &commands).await.unwrap();
        assert_eq!(replies[..8], vec![b"OK".to_vec(); 8]);
        assert!(replies[8] == large, "{} bytes came back", replies[8].len());
    }
}

#[tokio::test]
async fn a_server_that_dies_is_noticed_before_a_request_is_wasted() {
    let mut redis = Redis::start_tls().await;
    let mut connection = open(&redis, redis.tls.clone()).await.unwrap();
    say(&mut connection, &[&[b"PING"]]).await.unwrap();
    assert!(connection.is_usable());
    redis.kill();
    let ended = tokio::time::timeout(Duration::from_secs(5), connection.end_of_idle()).await;
    assert!(ended.is_ok() && !connection.is_usable());
    assert_eq!(open(&redis, redis.tls.clone()).await.err(), Some(ErrorKind::Refused));
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_named() {
    let redis = Redis::start_tls().await;
    let dialer = dialer(Some(stranger()));
    let until = Instant::now() + Duration::from_secs(5);
    let opened = dialer.open(redis.address, &mut DeadlineTimer::new(), until).await;
    assert_eq!(opened.err(), Some(ErrorKind::Tls));
    assert_eq!(dialer.totals().refused[&ErrorKind::Tls], 1);
    let said = String::from_utf8(dialer.refusals().remove(&ErrorKind::Tls).unwrap()).unwrap();
    assert!(said.contains("invalid peer certificate"), "{said}");
}

#[tokio::test]
async fn a_certificate_is_for_one_address() {
    let redis = Redis::start_tls().await;
    let stream = TcpStream::connect(redis.address.0).await.unwrap();
    let elsewhere = redis.tls.as_ref().unwrap().handshake(Ipv4Addr::new(127, 0, 0, 2), stream).await;
    let said = elsewhere.err().unwrap().to_string();
    assert!(said.contains("not valid for name"), "{said}");
}

#[tokio::test]
async fn who_speaks_no_tls_is_not_served() {
    let redis = Redis::start_tls().await;
    let mut connection = open(&redis, None).await.unwrap();
    let ended = say(&mut connection, &[&[b"PING"]]).await;
    assert!(matches!(ended, Err(ErrorKind::Closed | ErrorKind::Reset)), "{ended:?}");
}

#[tokio::test]
async fn the_harness_itself_asks_by_tls() {
    let redis = Redis::start_tls().await;
    let timeouts = AccessTimeouts { connection: Some(Duration::from_secs(5)), reply: Some(Duration::from_secs(5)) };
    let access = Access { credentials: None, tls: redis.tls.clone() };
    let mut connection = access.connect(redis.address, timeouts).await.unwrap();
    let pong: String = redis::cmd("PING").query_async(&mut *connection).await.unwrap();
    assert_eq!(pong, "PONG");
    let access = Access { credentials: None, tls: Some(stranger()) };
    let refused = access.connect(redis.address, timeouts).await.err().unwrap().to_string();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
}
