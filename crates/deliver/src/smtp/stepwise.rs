//! A connection that cannot be read ahead of its TLS handshake.
//!
//! lettre reads through a buffer and keeps what is in it when STARTTLS begins. Whoever can write into the clear part of a connection can
//! append answers to the relay's `220 go ahead`; they stay in the buffer and are taken for the relay's encrypted answers afterwards, up
//! to a forged `250 queued`. Here the clear part is handed over one byte at a time, so nothing after the end of an answer is ever in
//! that buffer: what was slipped in reaches the handshake instead, which fails.

use lettre::transport::smtp::client::AsyncTokioStream;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The first byte of a TLS handshake record (RFC 8446, 5.1); no SMTP command begins with it.
const HANDSHAKE: u8 = 0x16;

/// A TCP connection that is read byte by byte until this side has begun a TLS handshake.
#[derive(Debug)]
pub(super) struct Stepwise {
    stream: TcpStream,
    clear: bool,
}

impl Stepwise {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, clear: true }
    }
}

impl AsyncTokioStream for Stepwise {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Stepwise {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.clear || buf.remaining() <= 1 {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut one))?;
        buf.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stepwise {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.first() == Some(&HANDSHAKE) {
            self.clear = false;
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
