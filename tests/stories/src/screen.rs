//! People at their screens: a real browser, told in the words of whoever sits there.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use watchkeeper_testbed::browser::Browser;

/// The browser and where its pictures go.
#[derive(Debug, Clone)]
pub struct Screens {
    browser: Arc<Mutex<Browser>>,
    address: String,
}

/// Somebody at a screen.
#[derive(Debug, Clone)]
pub struct Seat {
    screens: Screens,
    who: String,
    within: Option<Value>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Screens {
    /// A browser that looks at the service at `address` and keeps pictures in `target/screenshots/<engine>`. `None`, said loudly,
    /// where node, chromium or the built console is missing.
    ///
    /// # Panics
    /// Where one of them is missing and `CI=true`; where they are there and do not start.
    pub async fn open(address: &str, engine: &str) -> Option<Self> {
        let pictures = target().join("screenshots").join(engine);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/drive.mjs");
        let browser = Browser::start(&script, &root().join("web"), &pictures).await?;
        Some(Self {
            browser: Arc::new(Mutex::new(browser)),
            address: address.to_owned(),
        })
    }

    /// Somebody sits down at a browser of their own.
    pub async fn seat(&self, who: &str) -> Seat {
        let seat = Seat {
            screens: self.clone(),
            who: who.to_owned(),
            within: None,
        };
        seat.ask(json!({"do": "sit", "address": self.address})).await;
        seat
    }

    /// Everybody leaves.
    pub async fn close(self) {
        self.browser.lock().await.close().await;
    }
}

/// Where artifacts stand: beside the running test.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("this program");
    let target = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(|| root().join("target"), Path::to_owned)
}

impl Seat {
    async fn ask(&self, mut command: Value) -> Value {
        command["who"] = self.who.clone().into();
        if let Some(within) = &self.within {
            command["within"] = within.clone();
        }
        let answer = self.screens.browser.lock().await.ask(&command).await;
        answer.unwrap_or_else(|fault| panic!("{} at the screen, {command}: {fault}", self.who))
    }

    /// The part of the page with this heading.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self {
            within: Some(json!({"role": "region", "name": name})),
            ..self.clone()
        }
    }

    /// The open dialog.
    #[must_use]
    pub fn dialog(&self) -> Self {
        Self {
            within: Some(json!({"role": "dialog"})),
            ..self.clone()
        }
    }

    /// Opens an address of the service, or a whole one.
    pub async fn open(&self, path: &str) {
        self.ask(json!({"do": "open", "path": path})).await;
    }

    /// Follows a link by its name.
    pub async fn follow(&self, link: &str) {
        self.ask(json!({"do": "press", "role": "link", "name": link}))
            .await;
    }

    /// Presses a button by its name.
    pub async fn press(&self, button: &str) {
        self.ask(json!({"do": "press", "role": "button", "name": button}))
            .await;
    }

    /// Turns to a tab by the beginning of its name.
    pub async fn turn_to(&self, tab: &str) {
        self.ask(json!({"do": "press", "role": "tab", "name": tab, "begins": true}))
            .await;
    }

    /// Fills a field in, by its label.
    pub async fn fill(&self, label: &str, text: &str) {
        self.ask(json!({"do": "fill", "label": label, "text": text}))
            .await;
    }

    /// Chooses from a list, by its label, the option that begins with `option`.
    pub async fn choose(&self, label: &str, option: &str) {
        self.ask(json!({"do": "choose", "label": label, "option": option}))
            .await;
    }

    /// Waits until this stands there.
    pub async fn sees(&self, text: &str) {
        self.ask(json!({"do": "sees", "text": text})).await;
    }

    /// Waits until this no longer stands there.
    pub async fn no_longer_sees(&self, text: &str) {
        self.ask(json!({"do": "misses", "text": text})).await;
    }

    /// Waits until there are `count` things of this role, and reads them.
    pub async fn reads(&self, role: &str, count: usize) -> Vec<String> {
        let answer = self
            .ask(json!({"do": "reads", "role": role, "count": count}))
            .await;
        let texts = answer["texts"].as_array().expect("texts");
        texts
            .iter()
            .map(|text| text.as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Waits for the page with this heading.
    pub async fn is_at(&self, heading: &str) {
        self.ask(json!({"do": "heading", "text": heading})).await;
    }

    /// Looks at the page, in light, in dark and on a phone: axe finds nothing wrong with it, nothing sticks out, and pictures are
    /// kept under this name.
    ///
    /// # Panics
    /// With every violation.
    pub async fn looks(&self, name: &str) {
        let answer = self.ask(json!({"do": "look", "name": name})).await;
        let wrong = answer["wrong"].as_array().expect("a list");
        assert!(
            wrong.is_empty(),
            "{name} as {} sees it:\n{}",
            self.who,
            serde_json::to_string_pretty(wrong).unwrap_or_default()
        );
    }

    /// Signs in for the first time: with the password that was issued, which must be replaced at once.
    pub async fn signs_in_for_the_first_time(&self, email: &str, issued: &str, own: &str) {
        self.open("/login").await;
        self.fill("E-mail", email).await;
        self.fill("Password", issued).await;
        self.press("Sign in").await;
        self.is_at("Choose a password").await;
        self.fill("Current password", issued).await;
        self.fill("New password", own).await;
        self.fill("New password, again", own).await;
        self.press("Keep this password").await;
        self.is_at("Incidents").await;
    }
}
