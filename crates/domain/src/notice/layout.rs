//! The same blocks as plain text and as HTML, so that both always say the same.
//!
//! Takes blocks whose texts are filled; what stands in them is text and never markup, whoever wrote it. A no-break space keeps what
//! belongs together, such as an instant, in one line of the text; it comes out as a plain space.

/// Lines of text are wrapped here: mail readers quote and narrow (RFC 3676 §4.2 asks for 78 at most).
const WIDTH: usize = 72;

/// The widest label of particulars in plain text.
const LABEL: usize = 24;

/// A block of a letter whose texts are filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Laid {
    /// The letter's title.
    Title(String),
    /// What matters most, in a sentence or two.
    Lead(String),
    /// A paragraph of ours.
    Paragraph(String),
    /// Begins a section.
    Heading(String),
    /// Begins a part of a section.
    Subheading(String),
    /// What the author wrote, line by line.
    Said(String),
    /// Numbered steps.
    Steps(Vec<String>),
    /// Names and values.
    Particulars(Vec<(String, String)>),
    /// Facts for machines: JSON, as it is.
    Data(String),
}

const HEAD: &str = r#"<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40em; margin: 0 auto; padding: 1.5em; overflow-wrap: anywhere; }
h1 { font-size: 1.4em; line-height: 1.25; }
h2 { font-size: 1.1em; margin-top: 1.8em; }
h3 { font-size: 1em; margin-bottom: 0; }
h3 + p { margin-top: .3em; }
dt { font-weight: 600; margin-top: .6em; }
dd { margin: 0; }
pre { border: 1px solid currentColor; padding: .8em; white-space: pre-wrap; overflow-wrap: anywhere; }
.lead { font-weight: 600; }
</style>
"#;

/// As plain text.
#[must_use]
pub(super) fn text(blocks: &[Laid]) -> String {
    let mut out = String::new();
    let mut before: Option<&Laid> = None;
    for block in blocks {
        let space = match (before, block) {
            // What a subheading begins follows at once.
            (None | Some(Laid::Subheading(_)), _) => "",
            (Some(_), Laid::Heading(_)) => "\n\n",
            (Some(_), _) => "\n",
        };
        before = Some(block);
        out.push_str(space);
        match block {
            Laid::Title(text) | Laid::Heading(text) => out.push_str(&wrapped(&text.to_uppercase(), "", "")),
            Laid::Lead(text) | Laid::Paragraph(text) | Laid::Subheading(text) => {
                out.push_str(&wrapped(text, "", ""));
            }
            Laid::Said(text) => {
                for line in text.lines() {
                    out.push_str(&wrapped(line, "", ""));
                }
            }
            Laid::Steps(steps) => {
                for (index, step) in steps.iter().enumerate() {
                    let number = format!("{}. ", index + 1);
                    out.push_str(&wrapped(step, &number, &" ".repeat(number.len())));
                }
            }
            Laid::Particulars(pairs) => out.push_str(&columns(pairs)),
            Laid::Data(json) => {
                out.push_str(json);
                out.push('\n');
            }
        }
    }
    out.replace('\u{a0}', " ")
}

/// One text in lines, each ended.
fn wrapped(text: &str, first: &str, further: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(further)
        // A long word is an identifier or an address: broken, it could not be copied.
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    let mut lines = textwrap::fill(text.trim(), options);
    lines.push('\n');
    lines
}

fn columns(pairs: &[(String, String)]) -> String {
    let widest = pairs.iter().map(|(name, _)| name.chars().count() + 1).max();
    let width = widest.unwrap_or(0).min(LABEL) + 2;
    let column = " ".repeat(width);
    let mut out = String::new();
    for (name, value) in pairs {
        let label = format!("{name}:");
        if label.chars().count() < width {
            let gap = " ".repeat(width - label.chars().count());
            out.push_str(&wrapped(value, &format!("{label}{gap}"), &column));
        } else {
            out.push_str(&wrapped(&label, "", ""));
            out.push_str(&wrapped(value, &column, &column));
        }
    }
    out
}

/// As HTML that fetches and links nothing.
#[must_use]
pub(super) fn html(blocks: &[Laid], language: &str, title: &str) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n{HEAD}<title>{}</title>\n</head>\n<body>\n",
        escaped(language),
        escaped(title)
    );
    for block in blocks {
        match block {
            Laid::Title(text) => element(&mut out, "h1", text),
            Laid::Lead(text) => {
                out.push_str(&format!("<p class=\"lead\">{}</p>\n", escaped(text)));
            }
            Laid::Paragraph(text) => element(&mut out, "p", text),
            Laid::Heading(text) => element(&mut out, "h2", text),
            Laid::Subheading(text) => element(&mut out, "h3", text),
            Laid::Said(text) => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    element(&mut out, "p", line);
                }
            }
            Laid::Steps(steps) => {
                out.push_str("<ol>\n");
                for step in steps {
                    element(&mut out, "li", step);
                }
                out.push_str("</ol>\n");
            }
            Laid::Particulars(pairs) => {
                out.push_str("<dl>\n");
                for (name, value) in pairs {
                    out.push_str(&format!(
                        "<dt>{}</dt><dd>{}</dd>\n",
                        escaped(name),
                        escaped(value)
                    ));
                }
                out.push_str("</dl>\n");
            }
            Laid::Data(json) => element(&mut out, "pre", json),
        }
    }
    out.push_str("</body>\n</html>\n");
    out.replace('\u{a0}', " ")
}

fn element(out: &mut String, name: &str, text: &str) {
    out.push_str(&format!("<{name}>{}</{name}>\n", escaped(text.trim())));
}

/// Text as HTML shows it. What is between tags or in quotes needs no more than these five.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
