//! `watchkeeper serve`: runs the service for real.

use super::say;
use crate::app::{App, Mode, PATIENCE};
use crate::config::Config;
use crate::logs;
use crate::run::{Options, asked_to_stop, run};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchkeeper_domain::clock::{Clock, SystemClock};

pub(super) async fn serve(path: PathBuf) -> Result<ExitCode, String> {
    let config = Config::load(&path).map_err(|faults| faults.to_string())?;
    logs::start(&config.log);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let app = App::build(&config, clock, Mode::Serve, Some(PATIENCE)).await?;
    let password = app
        .desk
        .ensure_first_admin(&config.server.admin_email)
        .await
        .map_err(|fault| fault.to_string())?;
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|fault| format!("cannot listen on {listen}: {fault}"))?;
    // Reports are taken until the service has ended.
    let _bounces = match &config.mail.bounces {
        Some(bounces) => Some(crate::bounces::listen(&app.desk, bounces.listen).await?),
        None => None,
    };
    if let Some(password) = password {
        say(&format!(
            "First start. Sign in at {} as {} with the one-time password\n\n    {password}\n\nIt is shown this once and must be changed at the first sign-in.",
            config.server.base_url, config.server.admin_email
        ));
    }
    say(&format!("serving {} on {listen}", config.server.base_url));
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            asked_to_stop().await;
            tracing::info!("stopping: what is under way ends, and the last checkpoint is committed");
            stop.cancel();
        }
    });
    run(app, listener, Options { travel: None }, stop).await?;
    Ok(ExitCode::SUCCESS)
}
