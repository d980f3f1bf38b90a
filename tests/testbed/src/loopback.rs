//! Serving on a free port of loopback.

use axum::Router;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Serves `app`; gives its address as `http://127.0.0.1:<port>` and the task that ends it when aborted.
pub(crate) async fn serve(app: Router) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let task = tokio::spawn(async move {
        axum::serve(listener, app).await.expect("loopback serves");
    });
    (format!("http://{address}"), task)
}

/// A port that was free a moment ago, for a process that takes one as an argument.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("loopback has a free port")
        .port()
}
