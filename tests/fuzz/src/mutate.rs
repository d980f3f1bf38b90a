//! Mutations that keep a text's shape: lines, words and pieces of seeds instead of single bytes.

/// What a target's inputs are made of.
pub struct Mutator {
    seeds: Vec<String>,
    words: Vec<String>,
}

/// Chooses places; libFuzzer gives a number for each mutation, so that a run can be repeated.
struct Choice(u64);

impl Choice {
    /// A number below `count`; 0 where there is none.
    fn below(&mut self, count: usize) -> usize {
        // Xorshift (Marsaglia, 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 as usize).checked_rem(count).unwrap_or(0)
    }

    fn of<'a>(&mut self, texts: &'a [String]) -> &'a str {
        texts.get(self.below(texts.len())).map_or("", String::as_str)
    }

    /// A range of a text that begins and ends between characters.
    fn piece(&mut self, text: &str, longest: usize) -> std::ops::Range<usize> {
        let start = floor(text, self.below(text.len() + 1));
        let length = self.below(longest.min(text.len() - start) + 1);
        start..floor(text, start + length).max(start)
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Mutator {
    /// A mutator over these seeds; `words` are what is put in by itself.
    pub fn new(seeds: Vec<String>, words: &[&str]) -> Self {
        Self {
            seeds,
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// Changes the first `size` bytes of `data`; gives the new size, at most `most`.
    pub fn mutate(&self, data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
        let mut choice = Choice(u64::from(seed) << 1 | 1 << 40);
        choice.below(1);
        if choice.below(3) == 0 {
            return libfuzzer_sys::fuzzer_mutate(data, size, most);
        }
        let mut text = String::from_utf8_lossy(&data[..size]).into_owned();
        if text.len() < 4 || choice.below(200) == 0 {
            text = choice.of(&self.seeds).to_owned();
        }
        for _ in 0..=choice.below(4) {
            self.change(&mut text, &mut choice);
        }
        let end = floor(&text, text.len().min(most));
        data[..end].copy_from_slice(&text.as_bytes()[..end]);
        end
    }

    fn change(&self, text: &mut String, choice: &mut Choice) {
        match choice.below(10) {
            8 | 9 => {
                let range = value_at(text, choice);
                text.replace_range(range, choice.of(&self.words));
            }
            0 => {
                let at = choice.piece(text, 0).start;
                text.insert_str(at, choice.of(&self.words));
            }
            1 => {
                let range = word_at(text, choice);
                text.replace_range(range, choice.of(&self.words));
            }
            2 => {
                let seed = choice.of(&self.seeds);
                let other = word_at(seed, choice);
                let range = word_at(text, choice);
                text.replace_range(range, &seed[other]);
            }
            3 => {
                let seed = choice.of(&self.seeds);
                let piece = choice.piece(seed, 60);
                let range = choice.piece(text, 20);
                text.replace_range(range, &seed[piece]);
            }
            4 => {
                let range = choice.piece(text, 200);
                text.replace_range(range, "");
            }
            5 => {
                let copied = choice.piece(text, 200);
                let copied = text[copied].to_owned();
                let at = choice.piece(text, 0).start;
                text.insert_str(at, &copied);
            }
            _ => self.change_lines(text, choice),
        }
    }

    fn change_lines(&self, text: &mut String, choice: &mut Choice) {
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let at = choice.below(lines.len());
        match choice.below(6) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let other = choice.below(lines.len());
                lines.swap(at, other);
            }
            2 => lines[at].insert_str(0, "  "),
            3 => lines[at] = lines[at].strip_prefix("  ").unwrap_or(&lines[at]).to_owned(),
            _ => {
                let seed: Vec<&str> = choice.of(&self.seeds).split('\n').collect();
                let from = choice.below(seed.len());
                let count = 1 + choice.below(6);
                let taken = seed[from..].iter().take(count).map(|line| (*line).to_owned());
                lines.splice(at..at, taken);
            }
        }
        *text = lines.join("\n");
    }
}

/// Where a value stands, between a colon and what ends a member of a map.
fn value_at(text: &str, choice: &mut Choice) -> std::ops::Range<usize> {
    let from = choice.piece(text, 0).start;
    let start = text[from..].find(':').map_or(from, |place| from + place + 1);
    let end = text[start..].find([',', '}', ']', '\n']).map_or(text.len(), |place| start + place);
    start..end
}

/// Where a word of the text stands.
fn word_at(text: &str, choice: &mut Choice) -> std::ops::Range<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let at = choice.piece(text, 0).start;
    let start = text[..at].rfind(|c| !is_word(c)).map_or(0, |place| {
        place + text[place..].chars().next().map_or(0, char::len_utf8)
    });
    let end = text[at..].find(|c| !is_word(c)).map_or(text.len(), |place| at + place);
    start..end
}
