//! A recording SMTP server that can be told to misbehave at any stage.
//!
//! Left alone, it takes every mail and keeps it byte for byte. A script makes it answer otherwise, stall, or drop the connection at a
//! stage, for every connection or for the next one only. It listens on a free port of loopback and stops when it is dropped.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A point in the conversation, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The connection was accepted; the greeting is due.
    Connect,
    /// EHLO or HELO came.
    Ehlo,
    /// AUTH came.
    Auth,
    /// MAIL came.
    Mail,
    /// RCPT came.
    Rcpt,
    /// DATA came; 354 is due.
    Data,
    /// The first line of the content came; the final dot has not.
    Content,
    /// The final dot came; the last answer is due.
    Dot,
}

/// What the server does at a stage instead of carrying on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Answers with these lines (`\r\n` between them, not at the end) and carries on. A mail whose final dot is answered in this way
    /// counts as accepted only when the answer begins with `2`.
    Reply(String),
    /// Says nothing more. In the middle of the content, nothing more is read either.
    Stall,
    /// Closes the connection without an answer. At the final dot, the mail does not count as accepted.
    Drop,
    /// Accepts the mail and closes the connection without an answer; means the same as `Drop` before the final dot.
    AcceptThenDrop,
}

impl Act {
    /// Answers with `line`.
    pub fn reply(line: impl Into<String>) -> Self {
        Self::Reply(line.into())
    }
}

/// A mail that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The return path.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The content as it was before dot-stuffing, with its last line end.
    pub bytes: Vec<u8>,
    /// The connection it came over, counted from 1.
    pub connection: usize,
}

impl Recorded {
    /// The content as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The value of the first header with this name, unfolded and trimmed, still encoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let text = self.text();
        let head = text
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

type Hook = Arc<dyn Fn(Stage, usize) + Send + Sync>;

#[derive(Default)]
struct State {
    always: HashMap<Stage, Act>,
    once: HashMap<Stage, VecDeque<Act>>,
    features: Vec<String>,
    hook: Option<Hook>,
    connections: usize,
    commands: Vec<String>,
    accepted: Vec<Recorded>,
}

/// A running server.
pub struct SmtpServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl std::fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SmtpServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl SmtpServer {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> std::io::Result<Self> {
        Self::start_at(0).await
    }

    /// Listens on `port` of loopback: for a server that comes back where it was.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start_at(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State {
            features: vec!["8BITMIME".to_owned(), "SIZE 10485760".to_owned()],
            ..State::default()
        }));
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            serving,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Does `act` at `stage` on every connection from now on.
    pub fn script(&self, stage: Stage, act: Act) {
        lock(&self.state).always.insert(stage, act);
    }

    /// Does `act` the next time `stage` is reached; several are done in their order, before what [`SmtpServer::script`] says.
    pub fn script_once(&self, stage: Stage, act: Act) {
        lock(&self.state).once.entry(stage).or_default().push_back(act);
    }

    /// Behaves well again.
    pub fn clear_script(&self) {
        let mut state = lock(&self.state);
        state.always.clear();
        state.once.clear();
    }

    /// Announces these extensions in the answer to EHLO, instead of `8BITMIME` and `SIZE 10485760`.
    pub fn offer(&self, features: &[&str]) {
        lock(&self.state).features = features.iter().map(|&feature| feature.to_owned()).collect();
    }

    /// Calls `hook` whenever a stage is reached, with the connection's number, before anything is answered. It runs on the server's
    /// task and holds up that conversation, so what it does has happened before the client learns anything.
    pub fn on_stage(&self, hook: impl Fn(Stage, usize) + Send + Sync + 'static) {
        lock(&self.state).hook = Some(Arc::new(hook));
    }

    /// How many connections there have been.
    #[must_use]
    pub fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    /// How many mails were accepted.
    #[must_use]
    pub fn accepted(&self) -> usize {
        lock(&self.state).accepted.len()
    }

    /// The accepted mails, in their order.
    #[must_use]
    pub fn messages(&self) -> Vec<Recorded> {
        lock(&self.state).accepted.clone()
    }

    /// Every command line received, in its order, over all connections.
    #[must_use]
    pub fn commands(&self) -> Vec<String> {
        lock(&self.state).commands.clone()
    }

    /// Waits until at least `count` mails were accepted, and gives all of them.
    ///
    /// # Errors
    /// What had come when `within` was over, said in words.
    pub async fn wait_for(&self, count: usize, within: Duration) -> Result<Vec<Recorded>, String> {
        let deadline = Instant::now() + within;
        loop {
            let messages = self.messages();
            if messages.len() >= count {
                return Ok(messages);
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "waited {within:?} for {count} mails, and {} came over {} connections",
                    messages.len(),
                    self.connections()
                ));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut conversations = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut state = lock(&state);
            state.connections += 1;
            state.connections
        };
        let conversation = Conversation {
            stream: BufReader::new(stream),
            state: Arc::clone(&state),
            number,
            from: String::new(),
            to: Vec::new(),
        };
        // A client that leaves early is what many of the tests are about.
        conversations.spawn(async move { drop(conversation.run().await) });
        while conversations.try_join_next().is_some() {}
    }
}

/// Why a conversation ends.
enum End {
    /// The client left, or the connection broke.
    Gone,
    /// The script or QUIT says so.
    Closed,
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

struct Conversation {
    stream: BufReader<TcpStream>,
    state: Arc<Mutex<State>>,
    number: usize,
    from: String,
    to: Vec<String>,
}

impl Conversation {
    async fn run(mut self) -> Result<(), End> {
        self.at(Stage::Connect, "220 testbed ESMTP").await?;
        loop {
            let line = self.line().await?;
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            lock(&self.state).commands.push(line.clone());
            self.obey(&line).await?;
        }
    }

    async fn obey(&mut self, line: &str) -> Result<(), End> {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let greeting = self.greeting();
                self.at(Stage::Ehlo, &greeting).await.map(drop)
            }
            "HELO" => self.at(Stage::Ehlo, "250 testbed").await.map(drop),
            "AUTH" => self.at(Stage::Auth, "235 2.7.0 signed in").await.map(drop),
            "MAIL" => {
                self.to.clear();
                self.from = path(line);
                self.at(Stage::Mail, "250 2.1.0 ok").await.map(drop)
            }
            "RCPT" => {
                if self.at(Stage::Rcpt, "250 2.1.5 ok").await?.starts_with('2') {
                    self.to.push(path(line));
                }
                Ok(())
            }
            "DATA" => self.data().await,
            "RSET" => {
                self.to.clear();
                self.say("250 2.0.0 ok").await
            }
            "NOOP" => self.say("250 2.0.0 ok").await,
            "QUIT" => {
                self.say("221 2.0.0 bye").await?;
                Err(End::Closed)
            }
            _ => self.say("502 5.5.1 not known").await,
        }
    }

    fn greeting(&self) -> String {
        let features = lock(&self.state).features.clone();
        let mut lines = vec!["testbed".to_owned()];
        lines.extend(features);
        let last = lines.len() - 1;
        let marked = lines.iter().enumerate().map(|(index, line)| {
            let dash = if index < last { '-' } else { ' ' };
            format!("250{dash}{line}")
        });
        marked.collect::<Vec<_>>().join("\r\n")
    }

    async fn data(&mut self) -> Result<(), End> {
        if self.to.is_empty() {
            return self.say("503 5.5.1 no recipient").await;
        }
        if !self.at(Stage::Data, "354 go on").await?.starts_with('3') {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let mut first = true;
        loop {
            let line = self.line().await?;
            if line == b".\r\n" {
                break;
            }
            if std::mem::take(&mut first) {
                self.in_content().await?;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.dot(bytes).await
    }

    /// In the middle of the content nothing can be answered; a reply scripted here goes out of turn and closes the connection.
    async fn in_content(&mut self) -> Result<(), End> {
        match self.reach(Stage::Content) {
            None => Ok(()),
            Some(Act::Reply(reply)) => {
                self.say(&reply).await?;
                Err(End::Closed)
            }
            // Nothing more is read, so that a large content fills the buffers and its dot never leaves the client.
            Some(Act::Stall) => std::future::pending().await,
            Some(Act::Drop | Act::AcceptThenDrop) => Err(End::Closed),
        }
    }

    async fn dot(&mut self, bytes: Vec<u8>) -> Result<(), End> {
        let act = self.reach(Stage::Dot);
        let accepted = match &act {
            None | Some(Act::AcceptThenDrop) => true,
            Some(Act::Reply(reply)) => reply.starts_with('2'),
            Some(Act::Stall | Act::Drop) => false,
        };
        if accepted {
            let recorded = Recorded {
                from: self.from.clone(),
                to: self.to.clone(),
                bytes,
                connection: self.number,
            };
            lock(&self.state).accepted.push(recorded);
        }
        let queued = format!("250 2.0.0 queued as {}", self.number);
        self.act(act, &queued).await.map(drop)
    }

    /// Does what the script says at `stage`, or else gives the usual answer; tells which answer it gave.
    async fn at(&mut self, stage: Stage, usual: &str) -> Result<String, End> {
        let act = self.reach(stage);
        self.act(act, usual).await
    }

    async fn act(&mut self, act: Option<Act>, usual: &str) -> Result<String, End> {
        match act {
            None => {
                self.say(usual).await?;
                Ok(usual.to_owned())
            }
            Some(Act::Reply(reply)) => {
                self.say(&reply).await?;
                Ok(reply)
            }
            Some(Act::Stall) => self.stall().await.map(|()| String::new()),
            Some(Act::Drop | Act::AcceptThenDrop) => Err(End::Closed),
        }
    }

    /// Tells the hook and looks up the script.
    fn reach(&self, stage: Stage) -> Option<Act> {
        let hook = lock(&self.state).hook.clone();
        if let Some(hook) = hook {
            hook(stage, self.number);
        }
        let mut state = lock(&self.state);
        let next = state.once.get_mut(&stage).and_then(VecDeque::pop_front);
        next.or_else(|| state.always.get(&stage).cloned())
    }

    /// Keeps the connection open and silent until the client closes it.
    async fn stall(&mut self) -> Result<(), End> {
        while !self.stream.fill_buf().await?.is_empty() {
            let seen = self.stream.buffer().len();
            self.stream.consume(seen);
        }
        Err(End::Gone)
    }

    async fn line(&mut self) -> Result<Vec<u8>, End> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        if line.ends_with(b"\n") {
            Ok(line)
        } else {
            Err(End::Gone)
        }
    }

    async fn say(&mut self, reply: &str) -> Result<(), End> {
        self.stream
            .get_mut()
            .write_all(format!("{reply}\r\n").as_bytes())
            .await?;
        Ok(())
    }
}

/// The address between the angle brackets.
fn path(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(path, _)| path.to_owned()).unwrap_or_default()
}
