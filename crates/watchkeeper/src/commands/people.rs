//! `watchkeeper people reset`: for somebody who is locked out.

use super::say;
use crate::app::{App, Mode};
use crate::config::Config;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::SystemClock;

pub(super) async fn reset(email: String, config: PathBuf) -> Result<ExitCode, String> {
    let mut config = Config::load(&config).map_err(|faults| faults.to_string())?;
    // The running service keeps its sources; this only needs the desk.
    config.sources.clear();
    let app = App::build(&config, Arc::new(SystemClock), Mode::Serve, None).await?;
    let wanted = email.trim().to_lowercase();
    let users = app.desk.users().await.map_err(|fault| fault.to_string())?;
    let Some(user) = users.iter().find(|user| user.email == wanted) else {
        return Err(format!("there is no account `{wanted}`"));
    };
    let password = app
        .desk
        .reset_password(&user.id, &Actor::Operator)
        .await
        .map_err(|fault| fault.to_string())?;
    say(&format!(
        "one-time password of {wanted}: {password}\nIt must be changed at the next sign-in; sessions that were open have ended."
    ));
    Ok(ExitCode::SUCCESS)
}
