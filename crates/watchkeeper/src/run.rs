//! Runs what was wired: every worker in a task of its own, the HTTP side beside them, until somebody asks to stop.

use crate::app::App;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use watchkeeper_api::{ApiState, Metrics};
use watchkeeper_domain::clock::TravellingClock;
use watchkeeper_respond::Desk;
use watchkeeper_respond::workers::watch::ReloadBell;
use watchkeeper_respond::workers::{Turn, Worker};

/// How long an idle worker waits before it looks again, when nothing wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// The pause after a turn that failed: 1 s, 2 s, 4 s, then every 8 s.
fn pause_after(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(3))
}

/// When a worker last ended a turn well, for readiness. Kept in the machine's own seconds, which never travel.
#[derive(Debug, Clone)]
pub struct Pulse {
    name: &'static str,
    beat: Arc<Mutex<Instant>>,
}

/// A worker whose last good turn is longer ago is not well.
const PULSE_LIMIT: Duration = Duration::from_secs(60);

impl Pulse {
    fn of(name: &'static str) -> Self {
        Self {
            name,
            beat: Arc::new(Mutex::new(Instant::now())),
        }
    }

    fn beat(&self) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// The worker's name, when it is not well.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        let last = *self.beat.lock().unwrap_or_else(PoisonError::into_inner);
        (last.elapsed() > PULSE_LIMIT).then_some(self.name)
    }
}

/// Runs a worker until `stop`: it looks when something was committed, and once a second by itself.
pub fn spawn<W: Worker + 'static>(
    mut worker: W,
    desk: &Desk,
    stop: CancellationToken,
) -> (Pulse, JoinHandle<()>) {
    let mut changes = desk.changes();
    let pulse = Pulse::of(worker.name());
    let own = pulse.clone();
    let task = tokio::spawn(async move {
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            let began = Instant::now();
            let wait = match worker.turn().await {
                Ok(turn) => {
                    failures = 0;
                    own.beat();
                    metrics::histogram!("watchkeeper_turn_seconds", "worker" => worker.name())
                        .record(began.elapsed().as_secs_f64());
                    if turn == Turn::Busy { None } else { Some(IDLE) }
                }
                Err(fault) => {
                    failures += 1;
                    metrics::counter!("watchkeeper_turn_failures_total", "worker" => worker.name())
                        .increment(1);
                    tracing::error!(worker = worker.name(), %fault, failures, "a turn failed; nothing of it was kept, and it is tried again");
                    Some(pause_after(failures))
                }
            };
            let Some(wait) = wait else {
                tokio::task::yield_now().await;
                continue;
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
                _ = changes.changed(), if failures == 0 => {
                    changes.mark_unchanged();
                    // Commits come in bursts: what follows from them is done together.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        if let Err(fault) = worker.finish().await {
            tracing::error!(worker = worker.name(), %fault, "what was under way ended badly");
        }
    });
    (pulse, task)
}

/// Ends when the machine asks the process to stop: SIGTERM or Ctrl-C.
pub async fn asked_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

/// Rings the bell whenever the machine sends SIGHUP: rules are read again at once.
async fn reload_when_asked(bell: ReloadBell, stop: CancellationToken) {
    let Ok(mut hangup) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()) else {
        tracing::warn!("SIGHUP cannot be listened to; rules are read again when they change");
        return;
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            asked = hangup.recv() => {
                if asked.is_none() {
                    return;
                }
                tracing::info!("asked to read the rules again");
                bell.ring();
            }
        }
    }
}

/// What only some ways of running have.
#[derive(Debug, Default)]
pub struct Options {
    /// The demo's clock, which people may set forward.
    pub travel: Option<Arc<TravellingClock>>,
}

/// Runs everything until `stop`; then receivers refuse, what is under way ends, and the last checkpoint is committed.
///
/// # Errors
/// When the HTTP side fails; the workers are stopped then, too.
pub async fn run(
    app: App,
    listener: TcpListener,
    options: Options,
    stop: CancellationToken,
) -> Result<(), String> {
    let App {
        desk,
        watch,
        timers,
        ladder,
        changes,
        deliveries,
        preflight,
        askings,
        source_look,
        sealing,
        witness,
        receivers,
        listeners,
        board,
        reload,
    } = app;
    let mut state = ApiState::new(desk.clone(), board, env!("CARGO_PKG_VERSION"));
    state.receivers = Arc::new(receivers.clone());
    state.metrics = prometheus();
    state.travel = options.travel;
    state.stop = stop.clone();
    let working = Arc::clone(&state.working);
    let workers = [
        spawn(watch, &desk, stop.clone()),
        spawn(timers, &desk, stop.clone()),
        spawn(ladder, &desk, stop.clone()),
        spawn(changes, &desk, stop.clone()),
        spawn(deliveries, &desk, stop.clone()),
        spawn(preflight, &desk, stop.clone()),
        spawn(askings, &desk, stop.clone()),
        spawn(source_look, &desk, stop.clone()),
        spawn(sealing, &desk, stop.clone()),
        spawn(witness, &desk, stop.clone()),
    ];
    let (pulses, tasks): (Vec<Pulse>, Vec<JoinHandle<()>>) = workers.into_iter().unzip();
    let listeners: Vec<JoinHandle<()>> = listeners
        .into_iter()
        .map(|listener| tokio::spawn(listener.serve(stop.clone())))
        .collect();
    tokio::spawn(reload_when_asked(reload, stop.clone()));
    let watchman = tokio::spawn(watch_pulses(pulses, Arc::clone(&working), stop.clone()));
    tokio::spawn({
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            // Nothing is acknowledged while stopping: who pushes keeps what it has and sends it again.
            receivers.values().for_each(|receiver| receiver.stop());
        }
    });
    watchkeeper_api::serve(listener, state).await;
    stop.cancel();
    for task in tasks.into_iter().chain(listeners).chain([watchman]) {
        if let Err(fault) = task.await {
            tracing::error!(%fault, "a worker ended badly");
        }
    }
    Ok(())
}

/// Keeps readiness true to the workers.
async fn watch_pulses(pulses: Vec<Pulse>, working: Arc<AtomicBool>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let missing: Vec<&str> = pulses.iter().filter_map(Pulse::missing).collect();
        if !missing.is_empty() {
            tracing::error!(workers = ?missing, "workers have not ended a turn well for {} s", PULSE_LIMIT.as_secs());
        }
        working.store(missing.is_empty(), Ordering::Relaxed);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
        }
    }
}

/// The figures of this process, in Prometheus' text format. A second start in one process has none of its own.
fn prometheus() -> Metrics {
    match metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder() {
        Ok(handle) => Metrics::rendered_by(move || handle.render()),
        Err(fault) => {
            tracing::warn!(%fault, "figures are collected elsewhere in this process");
            Metrics::default()
        }
    }
}
