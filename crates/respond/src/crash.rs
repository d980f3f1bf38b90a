//! Places where a process may die, so that tests can kill it at each of them. In the product they are nothing.

/// A place on the path of an event, of a decision or of a message. Built with the feature `crash-points`, the process kills itself
/// here (SIGKILL, no unwinding) when the environment variable `WATCHKEEPER_CRASH_AT` is `name:n` and this is the n-th passing.
#[cfg(not(feature = "crash-points"))]
pub fn point(_name: &str) {}

#[cfg(feature = "crash-points")]
pub use armed::point;

#[cfg(feature = "crash-points")]
mod armed {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    static PASSED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

    /// Dies here when the environment says so.
    pub fn point(name: &str) {
        let mut passed = PASSED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = passed.entry(name.to_owned()).or_default();
        *count += 1;
        let here = format!("{name}:{count}");
        if std::env::var("WATCHKEEPER_CRASH_AT").is_ok_and(|at| at == here) {
            // A blocked SIGKILL does not exist, so this never returns.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
    }
}
