//! What handlers are given, each the part that it names.

use axum::extract::FromRef;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use watchkeeper_collect::Receiver;
use watchkeeper_deliver::{SnsOrigin, SnsOverHttps};
use watchkeeper_domain::clock::TravellingClock;
use watchkeeper_respond::Desk;
use watchkeeper_respond::workers::watch::Board;

/// How many screens are told of changes at a time.
const STREAMS: usize = 1_000;

/// What the service is made of, as the binary has put it together.
#[derive(Clone)]
pub struct ApiState {
    /// Where decisions are taken.
    pub desk: Desk,
    /// What takes pushes, by the name of the source.
    pub receivers: Arc<BTreeMap<String, Arc<Receiver>>>,
    /// What the detectors do.
    pub board: Arc<Board>,
    /// The figures for Prometheus.
    pub metrics: Metrics,
    /// Which version this is.
    pub version: &'static str,
    /// Whether the workers run; not before the first reading of every source was begun.
    pub working: Arc<AtomicBool>,
    /// Who is asked what messages of SNS need to be believed.
    pub sns: Arc<dyn SnsOrigin>,
    /// The demo's clock; nobody else can travel in time.
    pub travel: Option<Arc<TravellingClock>>,
    /// Ends streams and the service.
    pub stop: CancellationToken,
    pub(crate) streams: Arc<Semaphore>,
}

impl ApiState {
    /// A service without receivers and figures, whose workers do not run yet.
    #[must_use]
    pub fn new(desk: Desk, board: Arc<Board>, version: &'static str) -> Self {
        Self {
            desk,
            receivers: Arc::default(),
            board,
            metrics: Metrics::default(),
            version,
            working: Arc::new(AtomicBool::new(false)),
            sns: Arc::new(SnsOverHttps::default()),
            travel: None,
            stop: CancellationToken::new(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }
    }

    pub(crate) fn is_working(&self) -> bool {
        self.working.load(Ordering::Relaxed)
    }

    /// Whether browsers reach the service over TLS, so that cookies can be kept to it.
    pub(crate) fn secure(&self) -> bool {
        self.desk.house().base_url.starts_with("https://")
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl FromRef<ApiState> for Desk {
    fn from_ref(state: &ApiState) -> Self {
        state.desk.clone()
    }
}

impl FromRef<ApiState> for Arc<Board> {
    fn from_ref(state: &ApiState) -> Self {
        Arc::clone(&state.board)
    }
}

/// The figures for Prometheus, rendered when they are asked for.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl Metrics {
    /// Figures that `render` writes in Prometheus' text format.
    pub fn rendered_by(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }

    pub(crate) fn render(&self) -> String {
        (self.0)()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::rendered_by(String::new)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(…)")
    }
}
