//! The conversation, as it is kept for proof.

use lettre::transport::smtp::response::Response;

/// Lines said by client (`C:`) and server (`S:`). Lines are bounded in number and length, because the server decides what it says.
#[derive(Debug, Default)]
pub(super) struct Transcript(Vec<String>);

const MOST_LINES: usize = 200;
const LONGEST: usize = 1000;

impl Transcript {
    pub(super) fn client(&mut self, line: &str) {
        self.push("C: ", line);
    }

    /// Something that happened, and was said by neither.
    pub(super) fn note(&mut self, line: &str) {
        self.push("* ", line);
    }

    pub(super) fn server(&mut self, response: &Response) {
        let code = response.code();
        let lines: Vec<&str> = response.message().collect();
        let last = lines.len().saturating_sub(1);
        for (index, line) in lines.iter().enumerate() {
            let dash = if index < last { '-' } else { ' ' };
            self.push("S: ", &format!("{code}{dash}{line}"));
        }
    }

    pub(super) fn server_line(&mut self, line: &str) {
        self.push("S: ", line);
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.0
    }

    fn push(&mut self, who: &str, line: &str) {
        if self.0.len() < MOST_LINES {
            let line: String = crate::one_line(line).chars().take(LONGEST).collect();
            self.0.push(format!("{who}{}", line.trim_end()));
        }
    }
}

/// The reply's code and its last line, such as `250 2.0.0 Ok: queued as 4XyZ`.
pub(super) fn final_line(response: &Response) -> String {
    let text = response.message().last().unwrap_or_default();
    crate::one_line(&format!("{} {text}", response.code()))
        .chars()
        .take(LONGEST)
        .collect::<String>()
        .trim_end()
        .to_owned()
}
