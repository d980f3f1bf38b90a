//! A report as PDF: A4, text that can be selected and read aloud, the reference and the instant on every page. The same report gives the
//! same bytes.

use super::code_of;
use super::face::{Face, Faces};
use crate::desk::RespondError;
use chrono::{DateTime, Datelike, Timelike, Utc};
use krilla::Document;
use krilla::color::luma;
use krilla::metadata::{DateTime as PdfDateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{ArtifactType, ContentTag, SpanTag, Tag, TagGroup, TagTree};
use std::collections::BTreeSet;
use std::num::NonZeroU16;
use watchkeeper_domain::regulator::RegulatorReport;
use watchkeeper_domain::words::second;

/// A4, in points.
const PAGE: (f32, f32) = (595.276, 841.89);
const MARGIN: f32 = 56.0;
const TOP: f32 = 84.0;
const BOTTOM: f32 = PAGE.1 - 72.0;
const SMALL: f32 = 8.0;

const BLACK: u8 = 0;
/// Still 7 : 1 against white.
const GREY: u8 = 85;

/// A PDF.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The file.
    pub bytes: Vec<u8>,
    /// Characters that the font lacks: each stands in the file as its code.
    pub lacking: BTreeSet<char>,
}

/// What a block of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Title,
    Heading,
    Label,
    Value,
    Basis,
}

impl Style {
    fn size(self) -> f32 {
        match self {
            Self::Title => 16.0,
            Self::Heading => 12.0,
            Self::Label | Self::Value => 10.0,
            Self::Basis => SMALL,
        }
    }

    fn before(self) -> f32 {
        match self {
            Self::Title => 0.0,
            Self::Heading => 18.0,
            Self::Label => 9.0,
            Self::Value | Self::Basis => 2.0,
        }
    }

    fn grey(self) -> u8 {
        match self {
            Self::Basis => GREY,
            Self::Title | Self::Heading | Self::Label | Self::Value => BLACK,
        }
    }

    fn face(self, faces: &Faces) -> &Face {
        match self {
            Self::Title | Self::Heading | Self::Label => &faces.bold,
            Self::Value | Self::Basis => &faces.regular,
        }
    }

    /// How many lines must fit below it on the page, so that it does not stand alone at its end.
    fn keeps(self) -> f32 {
        match self {
            Self::Title | Self::Heading => 5.0,
            Self::Label => 2.0,
            Self::Value | Self::Basis => 0.0,
        }
    }

    /// Lines of body text stand this far apart.
    fn leading(self) -> f32 {
        self.size() * 1.4
    }

    fn tag(self, text: &str) -> TagGroup {
        let heading =
            |level| NonZeroU16::new(level).map(|level| TagGroup::new(Tag::Hn(level, Some(text.to_owned()))));
        let tagged = match self {
            Self::Title => heading(1),
            Self::Heading => heading(2),
            Self::Label => heading(3),
            Self::Value | Self::Basis => None,
        };
        tagged.unwrap_or_else(|| TagGroup::new(Tag::P))
    }
}

/// One paragraph.
struct Block {
    style: Style,
    text: String,
}

/// One line of a block where it stands on its page.
struct Placed {
    block: usize,
    y: f32,
    text: String,
}

/// Which characters of a report the font lacks.
///
/// # Errors
/// Where the font cannot be read.
pub fn lacking(report: &RegulatorReport) -> Result<BTreeSet<char>, RespondError> {
    let faces = Faces::read()?;
    let mut lacking = BTreeSet::new();
    for text in [header(report), footer(report)] {
        faces.showable(&text, &mut lacking);
    }
    blocks(report, &faces, &mut lacking);
    Ok(lacking)
}

/// Draws a report.
///
/// # Errors
/// Where the font cannot be read, or the file cannot be put together.
pub fn draw(report: &RegulatorReport) -> Result<Drawn, RespondError> {
    let faces = Faces::read()?;
    let mut lacking = BTreeSet::new();
    let (header, footer) = (
        faces.showable(&header(report), &mut lacking),
        faces.showable(&footer(report), &mut lacking),
    );
    let blocks = blocks(report, &faces, &mut lacking);
    let pages = pages(&blocks, &faces);
    let mut document = Document::new();
    document.set_metadata(metadata(report));
    let mut groups: Vec<TagGroup> = blocks.iter().map(|block| block.style.tag(&block.text)).collect();
    for (number, lines) in pages.iter().enumerate() {
        let unwritable = || RespondError::Unavailable("a page of the report cannot be made".to_owned());
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).ok_or_else(unwritable)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let count = format!("page {} of {}", number + 1, pages.len());
        running(
            &mut surface,
            &faces,
            ArtifactType::Header,
            (&header, mark(report)),
        );
        running(&mut surface, &faces, ArtifactType::Footer, (&footer, &count));
        for line in lines {
            let style = blocks[line.block].style;
            ink(&mut surface, style.grey());
            let leaf = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            let face = style.face(&faces);
            face.draw(&mut surface, (MARGIN, line.y), &line.text, style.size());
            surface.end_tagged();
            groups[line.block].push(leaf);
        }
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    groups.into_iter().for_each(|group| tree.push(group));
    document.set_tag_tree(tree);
    let bytes = document.finish().map_err(|fault| {
        RespondError::Unavailable(format!("the report cannot be written as PDF: {fault:?}"))
    })?;
    Ok(Drawn { bytes, lacking })
}

/// What stands at the top of every page, on the right.
fn mark(report: &RegulatorReport) -> &'static str {
    if report.drill {
        "DRILL: this did not happen"
    } else {
        "Draft for counsel"
    }
}

fn header(report: &RegulatorReport) -> String {
    report.organisation.clone()
}

fn footer(report: &RegulatorReport) -> String {
    format!(
        "{}, version {}, as of {}",
        report.reference,
        report.incident_version,
        second(report.as_of)
    )
}

fn metadata(report: &RegulatorReport) -> Metadata {
    let drill = if report.drill { "DRILL: " } else { "" };
    Metadata::new()
        .title(format!("{drill}{}, {}", report.title, report.reference))
        .authors(vec![report.organisation.clone()])
        .creator("Watchkeeper".to_owned())
        .language("en".to_owned())
        .creation_date(instant(report.as_of))
}

fn instant(at: DateTime<Utc>) -> PdfDateTime {
    // Each is within its bounds for every instant that a calendar has.
    let small = |value: u32| u8::try_from(value).unwrap_or_default();
    PdfDateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
}

fn blocks(report: &RegulatorReport, faces: &Faces, lacking: &mut BTreeSet<char>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut say = |style, text: &str| {
        let text = faces.showable(text, lacking);
        blocks.push(Block { style, text });
    };
    if report.drill {
        say(Style::Title, "DRILL");
    }
    say(Style::Title, report.title);
    say(Style::Value, &format!("To: {}", report.recipient));
    say(Style::Value, &format!("By: {}", report.law));
    say(Style::Value, &format!("From: {}", report.organisation));
    let stands = format!("Reference: {}, as of {}", report.reference, second(report.as_of));
    say(Style::Value, &stands);
    say(Style::Basis, report.status);
    for section in &report.sections {
        say(
            Style::Heading,
            &format!("{} ({})", section.heading, section.source),
        );
        for item in &section.items {
            say(Style::Label, item.label);
            say(Style::Value, item.shown());
            if let Some(basis) = &item.basis {
                say(Style::Basis, basis);
            }
        }
    }
    say(Style::Heading, "Not yet known");
    for missing in &report.missing {
        say(Style::Value, &format!("{}: {}", missing.source, missing.label));
    }
    if report.missing.is_empty() {
        say(Style::Value, "Nothing that the form asks for is missing.");
    }
    if !lacking.is_empty() {
        let codes: Vec<String> = lacking.iter().copied().map(code_of).collect();
        let text = format!(
            "The font of this file lacks these characters, which stand in it as their codes: {}. The report as JSON has them.",
            codes.join(" ")
        );
        blocks.push(Block {
            style: Style::Heading,
            text: "Characters".to_owned(),
        });
        blocks.push(Block {
            style: Style::Value,
            text,
        });
    }
    blocks
}

/// Breaks blocks into lines, and lines into pages.
fn pages(blocks: &[Block], faces: &Faces) -> Vec<Vec<Placed>> {
    let mut pages = vec![Vec::new()];
    let mut y = TOP;
    for (block, Block { style, text }) in blocks.iter().enumerate() {
        let lines = style.face(faces).lines(text, style.size(), PAGE.0 - 2.0 * MARGIN);
        y += style.before();
        for (n, text) in lines.into_iter().enumerate() {
            let kept = if n == 0 {
                style.keeps() * Style::Value.leading()
            } else {
                0.0
            };
            if y + style.leading() + kept > BOTTOM {
                pages.push(Vec::new());
                y = TOP;
            }
            y += style.leading();
            if let Some(page) = pages.last_mut() {
                page.push(Placed { block, y, text });
            }
        }
    }
    pages
}

/// What stands at the top or the bottom of every page: a text on the left, another on the right.
fn running(surface: &mut Surface<'_>, faces: &Faces, place: ArtifactType, (left, right): (&str, &str)) {
    let y = if place == ArtifactType::Header {
        44.0
    } else {
        PAGE.1 - 40.0
    };
    let face = &faces.regular;
    surface.start_tagged(ContentTag::Artifact(place));
    ink(surface, GREY);
    let end = PAGE.0 - MARGIN - face.width(right, SMALL);
    face.draw(surface, (end, y), right, SMALL);
    // A long name is cut before it runs into the other text; it stands in full on the first page.
    let room = end - MARGIN - SMALL;
    let first = face.lines(left, SMALL, room).into_iter().next();
    face.draw(surface, (MARGIN, y), &first.unwrap_or_default(), SMALL);
    surface.end_tagged();
}

fn ink(surface: &mut Surface<'_>, grey: u8) {
    surface.set_fill(Some(Fill {
        paint: luma::Color::new(grey).into(),
        opacity: NormalizedF32::ONE,
        rule: krilla::paint::FillRule::default(),
    }));
}
