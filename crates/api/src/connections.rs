//! Connections of HTTP/1.1: how many there are, what each may hold, and how long one may say nothing.
//!
//! Whoever reaches the port can open connections, so memory is bounded before anybody is asked who they are: beyond [`CONNECTIONS`]
//! they wait in the kernel until another ends, and none keeps its place without a request.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::{Service as _, ServiceExt as _};

/// How many connections are served at a time. Screens take a thousand of them at most.
const CONNECTIONS: usize = 4_096;

/// How much of a request a connection reads ahead, and the most that its headers may take, in bytes. A connection keeps this much while
/// it is open.
const READ_AHEAD: usize = 64 << 10;

/// How long a connection may take from its beginning, or from its last answer, to the end of the next request's headers.
const HEADERS: Duration = Duration::from_secs(75);

/// How long no connection is accepted where the system has no place for one.
const FULL: Duration = Duration::from_secs(1);

/// Serves until `stop`: then no connection is accepted any more, and what is under way is answered.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    serve_at_most(CONNECTIONS, listener, router, stop).await;
}

async fn serve_at_most(connections: usize, listener: TcpListener, router: Router, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(connections));
    let (mut services, under_way) = (
        router.into_make_service_with_connect_info::<SocketAddr>(),
        GracefulShutdown::new(),
    );
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(READ_AHEAD);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => {
                // Nobody closes the places.
                let Ok(place) = place else { break };
                tokio::select! {
                    () = stop.cancelled() => break,
                    connection = accept(&listener) => (connection, place),
                }
            }
        };
        let ((connection, from), place) = accepted;
        let service = match services.call(from).await {
            Ok(service) => service.map_request(|request: Request<Incoming>| request.map(Body::new)),
            Err(never) => match never {},
        };
        let served = http.serve_connection(TokioIo::new(connection), TowerToHyperService::new(service));
        let served = under_way.watch(served);
        tokio::spawn(async move {
            if let Err(fault) = served.await {
                tracing::debug!(%fault, %from, "a connection ended before its time");
            }
            drop(place);
        });
    }
    drop(listener);
    under_way.shutdown().await;
}

/// The next connection. What is wrong with one is no reason not to accept the next.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(connection) => return connection,
            Err(fault) if is_of_one(&fault) => {}
            Err(fault) => {
                tracing::error!(%fault, "no connection can be accepted: raise the limit of open files (LimitNOFILE)");
                tokio::time::sleep(FULL).await;
            }
        }
    }
}

/// Whether the connection was at fault, and not the listener.
fn is_of_one(fault: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        fault.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    async fn serving(connections: usize) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(|| async { "here" }));
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve_at_most(connections, listener, router, stop.clone()));
        (address, stop, served)
    }

    async fn asked(connection: &mut TcpStream) -> String {
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_keeps_no_place_from_who_asks() {
        let (address, stop, served) = serving(2).await;
        let began = Instant::now();
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        let answer = asked(&mut third).await;
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"),
            "{answer}"
        );
        assert!(began.elapsed() >= HEADERS, "it waited for a place");
        assert_eq!(silent.read(&mut [0; 8]).await.unwrap(), 0);
        stop.cancel();
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_place_is_free_when_its_connection_ends_and_stopping_waits_for_nobody_idle() {
        let (address, stop, served) = serving(1).await;
        for _ in 0..3 {
            let mut connection = TcpStream::connect(address).await.unwrap();
            assert!(asked(&mut connection).await.ends_with("here"));
        }
        let _idle = TcpStream::connect(address).await.unwrap();
        stop.cancel();
        served.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
