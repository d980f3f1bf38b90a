//! Answers that come slowly, or never to their end, as from a service that has its own troubles.

use axum::body::{Body, Bytes};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// How an answer's body comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// In pieces with pauses, all of it.
    Trickles,
    /// Half of it; then the connection is gone.
    BreaksOff,
    /// Half of it; then nothing for as long as the caller waits.
    Stalls,
}

/// In how many pieces a body comes, and how long the pauses between them are.
const PIECES: usize = 8;
const PAUSE: Duration = Duration::from_millis(150);

/// How the next body comes, of so many that are to be slow.
pub(crate) fn next(left: &mut Option<(usize, Slow)>) -> Option<Slow> {
    let (calls, slow) = left.as_mut()?;
    *calls = calls.checked_sub(1)?;
    Some(*slow)
}

/// `text` as a body that comes so.
pub(crate) fn body(text: &str, slow: Slow) -> Body {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let (to, from) = mpsc::channel::<std::io::Result<Bytes>>(1);
    tokio::spawn(async move {
        let told = match slow {
            Slow::Trickles => bytes.len(),
            Slow::BreaksOff | Slow::Stalls => bytes.len() / 2,
        };
        let step = told.div_ceil(PIECES).max(1);
        for start in (0..told).step_by(step) {
            // Whoever asked may have gone.
            if to
                .send(Ok(bytes.slice(start..told.min(start + step))))
                .await
                .is_err()
            {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        match slow {
            Slow::Trickles => {}
            Slow::BreaksOff => drop(to.send(Err(std::io::ErrorKind::ConnectionReset.into())).await),
            Slow::Stalls => to.closed().await,
        }
    });
    Body::from_stream(ReceiverStream::new(from))
}
