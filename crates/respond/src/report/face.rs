//! The font of reports: which characters it has, how wide they are, and where lines break.

use crate::desk::RespondError;
use krilla::geom::Point;
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use std::collections::BTreeSet;
use ttf_parser::Face as Parsed;

/// DejaVu Sans, cut down to Latin, Greek and Cyrillic; its licence stands beside it.
const REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");

/// One face of the font.
pub(super) struct Face {
    parsed: Parsed<'static>,
    font: Font,
}

/// Both faces.
pub(super) struct Faces {
    pub(super) regular: Face,
    pub(super) bold: Face,
}

impl Faces {
    pub(super) fn read() -> Result<Self, RespondError> {
        Ok(Self {
            regular: Face::read(REGULAR)?,
            bold: Face::read(BOLD)?,
        })
    }

    /// The text with characters that the font lacks as their codes, and which they are. Both faces have the same characters.
    pub(super) fn showable(&self, text: &str, lacking: &mut BTreeSet<char>) -> String {
        let mut shown = String::with_capacity(text.len());
        for character in text.chars() {
            match character {
                '\n' => shown.push('\n'),
                '\r' => {}
                '\t' => shown.push(' '),
                known if self.regular.parsed.glyph_index(known).is_some() => shown.push(known),
                unknown => {
                    lacking.insert(unknown);
                    shown.push_str(&format!("[{}]", super::code_of(unknown)));
                }
            }
        }
        shown
    }
}

impl Face {
    fn read(bytes: &'static [u8]) -> Result<Self, RespondError> {
        let unreadable = || RespondError::Unavailable("the font of reports cannot be read".to_owned());
        Ok(Self {
            parsed: Parsed::parse(bytes, 0).map_err(|_| unreadable())?,
            font: Font::new(bytes.to_vec().into(), 0).ok_or_else(unreadable)?,
        })
    }

    /// How far a character moves the pen, in parts of the size.
    fn advance(&self, character: char) -> f32 {
        let glyph = self.parsed.glyph_index(character).unwrap_or_default();
        let units = f32::from(self.parsed.glyph_hor_advance(glyph).unwrap_or_default());
        units / f32::from(self.parsed.units_per_em())
    }

    /// How wide a text is, in points.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().map(|character| self.advance(character)).sum::<f32>() * size
    }

    /// The text in lines that are no wider than `width` points: broken between words, and within a word that is wider than a line.
    pub(super) fn lines(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.split('\n') {
            let mut line = String::new();
            for word in paragraph.split(' ') {
                let gap = if line.is_empty() { "" } else { " " };
                if self.width(&line, size) + self.width(gap, size) + self.width(word, size) <= width {
                    line.push_str(gap);
                    line.push_str(word);
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                for character in word.chars() {
                    let wider = self.width(&line, size) + self.advance(character) * size > width;
                    if wider && !line.is_empty() {
                        lines.push(std::mem::take(&mut line));
                    }
                    line.push(character);
                }
            }
            lines.push(line);
        }
        lines
    }

    /// Draws a line of text whose base begins at a point.
    pub(super) fn draw(&self, surface: &mut Surface<'_>, (x, y): (f32, f32), text: &str, size: f32) {
        let glyphs = text.char_indices().map(|(at, character)| {
            let glyph = self.parsed.glyph_index(character).unwrap_or_default();
            KrillaGlyph {
                glyph_id: GlyphId::new(u32::from(glyph.0)),
                text_range: at..at + character.len_utf8(),
                x_advance: self.advance(character),
                x_offset: 0.0,
                y_offset: 0.0,
                y_advance: 0.0,
                location: None,
            }
        });
        let glyphs: Vec<KrillaGlyph> = glyphs.collect();
        surface.draw_glyphs(
            Point::from_xy(x, y),
            &glyphs,
            self.font.clone(),
            text,
            size,
            false,
        );
    }
}
