//! `watchkeeper demo`: the product as it is, with a small company that logs, a story that befalls it, a mailbox that keeps all mail on
//! this machine, and a clock that can travel.

mod live;

use super::say;

use crate::app::{App, Mode, PATIENCE, open_store};
use crate::cli::DemoOptions;
use crate::config::{
    Audit, Changes, Config, Contacts, Database, Detection, Drill, Incidents, Log, LogFormat, Mail, Paging,
    Playbooks, Preflight, Server,
};
use crate::demo;
use crate::logs;
use crate::run::{Options, asked_to_stop, run};
use async_trait::async_trait;
use chrono::Duration;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use watchkeeper_deliver::mailbox::Mailbox;
use watchkeeper_deliver::{MailSink, ReceivedMail, SmtpConfig};
use watchkeeper_domain::access::{AccessRole, Permission, User};
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::clock::{Clock, TravellingClock};
use watchkeeper_domain::notice::Sender;
use watchkeeper_domain::regulator::RegulatorContact;
use watchkeeper_respond::Desk;
use watchkeeper_respond::operations::people::NewAccount;
use watchkeeper_respond::operations::travel::CLOCK_AHEAD;
use watchkeeper_store::{Mail as KeptMail, MailHeader, Store};

/// What a visitor needs to sign in.
struct SignIn {
    user: String,
    password: String,
    token: String,
}

pub(super) async fn demo(options: DemoOptions) -> Result<ExitCode, String> {
    let dir = prepare_folder(&options.dir, options.fresh)?;
    let listen = SocketAddr::from(([127, 0, 0, 1], options.port));
    let listener = TcpListener::bind(listen).await.map_err(|fault| {
        format!("cannot listen on {listen}: {fault}; choose another port with --port, or 0 for a free one")
    })?;
    let address = listener.local_addr().map_err(|fault| fault.to_string())?;
    let url = format!("http://{address}");
    let database = format!("sqlite:{}", dir.join("watchkeeper.db").display());
    let store = open_store(&database).await?;
    let clock = Arc::new(TravellingClock::ahead_by(ahead(&store).await?));
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let mailbox = start_mailbox(store.clone(), Arc::clone(&shared)).await?;
    demo::finding_secret(&dir).map_err(|fault| format!("{}: {fault}", dir.display()))?;
    let config = configuration(&dir, &url, database, address, mailbox.address().port());
    logs::start(&config.log);
    let app = App::build(&config, Arc::clone(&shared), Mode::Demo, Some(PATIENCE)).await?;
    let sign_in = furnish(&app.desk, &dir).await?;
    let stop = CancellationToken::new();
    tokio::spawn({
        let stop = stop.clone();
        async move {
            asked_to_stop().await;
            stop.cancel();
        }
    });
    let generator = tokio::spawn(live::work(dir.clone(), url.clone(), shared, stop.clone()));
    let announcement = announce(&options, &url, &sign_in);
    let serving = run(app, listener, Options { travel: Some(clock) }, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => served?,
        told = announcement => {
            told?;
            serving.await?;
        }
    }
    stop.cancel();
    generator
        .await
        .map_err(|fault| format!("the demo's company stopped: {fault}"))??;
    drop(mailbox);
    Ok(ExitCode::SUCCESS)
}

/// The demo's folder, absolute; empty when a fresh start is asked for. Only a folder that a demo made is emptied.
fn prepare_folder(dir: &Path, fresh: bool) -> Result<PathBuf, String> {
    let named = |fault: std::io::Error| format!("{}: {fault}", dir.display());
    let marker = dir.join(".watchkeeper-demo");
    if fresh && dir.exists() {
        let empty = std::fs::read_dir(dir).map_err(named)?.next().is_none();
        if !marker.exists() && !empty {
            return Err(format!(
                "{} was not made by a demo, so --fresh does not empty it; choose another folder",
                dir.display()
            ));
        }
        std::fs::remove_dir_all(dir).map_err(named)?;
    }
    std::fs::create_dir_all(dir).map_err(named)?;
    std::fs::write(
        &marker,
        "made by `watchkeeper demo`; --fresh empties this folder\n",
    )
    .map_err(named)?;
    std::fs::canonicalize(dir).map_err(named)
}

async fn ahead(store: &Store) -> Result<Duration, String> {
    let mut tx = store.read().await.map_err(|fault| fault.to_string())?;
    let kept = tx.setting(CLOCK_AHEAD).await.map_err(|fault| fault.to_string())?;
    Ok(Duration::seconds(
        kept.and_then(|text| text.parse().ok()).unwrap_or(0),
    ))
}

/// Keeps every mail of the demo where the console shows it.
struct Keep {
    store: Store,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl MailSink for Keep {
    async fn received(&self, mail: ReceivedMail) -> Result<(), String> {
        let received_at = self.clock.now();
        let header = MailHeader {
            id: format!(
                "mail_{:x}_{:016x}",
                received_at.timestamp_micros(),
                rand::random::<u64>()
            ),
            received_at,
            from: mail.from,
            to: mail.envelope_to.join(", "),
            subject: mail.subject,
        };
        let kept = KeptMail {
            header,
            raw: mail.raw,
        };
        let keep = async {
            let mut tx = self.store.begin().await?;
            tx.insert_mail(&kept).await?;
            tx.commit().await
        };
        keep.await.map_err(|fault| fault.to_string())
    }
}

async fn start_mailbox(store: Store, clock: Arc<dyn Clock>) -> Result<Mailbox, String> {
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let sink = Arc::new(Keep { store, clock });
    Mailbox::start(anywhere, sink)
        .await
        .map_err(|fault| format!("the demo's mailbox cannot listen: {fault}"))
}

fn configuration(dir: &Path, url: &str, database: String, listen: SocketAddr, smtp_port: u16) -> Config {
    Config {
        server: Server {
            listen,
            base_url: url.to_owned(),
            data_dir: dir.to_owned(),
            admin_email: demo::people()
                .first()
                .map(|person| person.email.clone())
                .unwrap_or_default(),
        },
        database: Database { url: database },
        log: Log {
            format: LogFormat::Human,
            filter: "warn".to_owned(),
        },
        mail: Mail {
            from_name: Some("Paperplane Security".to_owned()),
            ..Mail::plain("watch@paperplane.example", SmtpConfig::loopback(smtp_port))
        },
        sns: None,
        paging: Paging {
            steps: demo::paging().steps,
            executives: demo::executives(),
        },
        drill: Drill {
            reach: vec!["@paperplane.example".to_owned()],
            customers_to: Some("drill@paperplane.example".to_owned()),
        },
        notices: Sender {
            company: "Paperplane Transfer".to_owned(),
            contact: "security@paperplane.example".to_owned(),
            check_at: format!("{}/check", url.trim_start_matches("http://")),
        },
        changes: Changes::default(),
        regulator: RegulatorContact::default(),
        preflight: Preflight::default(),
        contacts: Contacts::default(),
        incidents: Incidents::default(),
        audit: Audit::default(),
        detection: Detection::default(),
        playbooks: Playbooks::default(),
        sources: demo::sources(dir),
    }
}

/// Gives the company its people and customers at the first start; gives the visitor a token at every start.
async fn furnish(desk: &Desk, dir: &Path) -> Result<SignIn, String> {
    let said = |fault: watchkeeper_respond::RespondError| fault.to_string();
    let password = kept_password(dir)?;
    if desk.users().await.map_err(said)?.is_empty() {
        for person in demo::people() {
            let account = NewAccount {
                email: person.email,
                name: person.name.to_owned(),
                roles: person.roles.into_iter().collect::<BTreeSet<AccessRole>>(),
            };
            let (user, _) = desk.add_user(account, &Actor::Operator).await.map_err(said)?;
            desk.set_demo_password(&user.id, &password).await.map_err(said)?;
        }
        let import = desk
            .import_customers(demo::customers_csv().as_bytes(), true, &Actor::Operator)
            .await
            .map_err(said)?;
        if !import.faults.is_empty() {
            return Err(format!(
                "the demo's customers cannot be imported: {:?}",
                import.faults
            ));
        }
        approve_words(desk).await.map_err(said)?;
    }
    let host = demo::people()
        .into_iter()
        .next()
        .map(|person| person.email)
        .unwrap_or_default();
    let users = desk.users().await.map_err(said)?;
    let Some(user): Option<&User> = users.iter().find(|user| user.email == host) else {
        return Err(format!(
            "there is no account {host} in this demo; start again with --fresh"
        ));
    };
    let (_, token) = desk.make_token("demo", &user.roles, user).await.map_err(said)?;
    Ok(SignIn {
        user: host,
        password,
        token,
    })
}

/// The words of the holding notice as they ship, put forward by the host and approved by counsel, as a company does on its first day.
async fn approve_words(desk: &Desk) -> Result<(), watchkeeper_respond::RespondError> {
    let users = desk.users().await?;
    let counsel = users.iter().find(|user| user.may(Permission::ApproveNotices));
    let writes = |user: &&User| user.may(Permission::DraftNotices) && !user.may(Permission::ApproveNotices);
    let (Some(author), Some(counsel)) = (users.iter().find(writes), counsel) else {
        return Ok(());
    };
    for each in desk.holding_words().await? {
        desk.put_words_forward(&each.words, &Actor::person(&author.id))
            .await?;
        desk.approve_words(&each.words, counsel).await?;
    }
    Ok(())
}

/// The password of everybody in this demo; made once and kept where only its owner can read it.
fn kept_password(dir: &Path) -> Result<String, String> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let path = dir.join("password");
    let named = |fault: std::io::Error| format!("{}: {fault}", path.display());
    if let Ok(kept) = std::fs::read_to_string(&path)
        && !kept.trim().is_empty()
    {
        return Ok(kept.trim().to_owned());
    }
    let password = format!("paper-{:012x}", rand::random::<u64>() & 0xffff_ffff_ffff);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .map_err(named)?;
    writeln!(file, "{password}").map_err(named)?;
    Ok(password)
}

/// Says where it is, once it answers.
async fn announce(options: &DemoOptions, url: &str, sign_in: &SignIn) -> Result<(), String> {
    live::answers(url).await?;
    let SignIn {
        user,
        password,
        token,
    } = sign_in;
    if options.json {
        let line = serde_json::json!({"url": url, "user": user, "password": password, "token": token});
        say(&line.to_string());
        return Ok(());
    }
    let others: Vec<String> = demo::people()
        .into_iter()
        .skip(1)
        .map(|person| {
            format!(
                "    {:38} {}, {}",
                person.email,
                person.name,
                roles(&person.roles)
            )
        })
        .collect();
    say(&format!(
        "
  Watchkeeper's demonstration is running.

    open      {url}
    sign in   {user}
    password  {password}
    API       curl -H 'Authorization: Bearer {token}' {url}/api/v1/incidents

  Paperplane Transfer delivers files for 40 customers. It is quiet for a minute; then a deployment goes wrong, accounts are
  tried with stolen passwords, a stolen key downloads files of seven customers, and GuardDuty finds it. All mail goes to the
  mailbox in the console. \"Advance 6 hours\" shows what happens when nobody acts. A second person must approve a notice;
  these have the same password:

{}

  Ctrl-C stops it. The next start goes on where this one stopped; `--fresh` begins anew.
",
        others.join("\n")
    ));
    Ok(())
}

fn roles(roles: &[AccessRole]) -> String {
    let names: Vec<String> = roles
        .iter()
        .map(|role| format!("{role:?}").to_lowercase())
        .collect();
    names.join(", ")
}
