//! The table of explained differences.
//!
//! An entry rewrites the one result that it explains, nothing else: its `call` must match the whole
//! call, its `wine` the whole result of Wine, and what `ours` makes of that must be our result.

use regex_lite::{Captures, Regex};

/// All of them, and what they explained so far.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) differences: Vec<Difference>,
}

impl Known {
    /// The table of a text in TOML.
    pub(crate) fn read(text: &str) -> Self {
        let table: toml::Table = text.parse().expect("known.toml is TOML");
        let list = table["difference"].as_array().expect("a list of differences");
        Self { differences: list.iter().map(Difference::read).collect() }
    }

    /// Whether an entry explains that the two answer this call differently.
    pub(crate) fn explains(&mut self, call: &str, wine: &str, ours: &str) -> bool {
        let found = self.differences.iter_mut().find(|known| known.explains(call, wine, ours));
        found.map(|known| known.times += 1).is_some()
    }
}

/// One explained difference.
#[derive(Debug)]
pub(crate) struct Difference {
    /// The rows of the facts that say so.
    pub(crate) rows: String,
    /// What differs, in a sentence.
    pub(crate) what: String,
    /// The call, and what Wine answers.
    wine: Regex,
    /// What our answer is, by the groups of that.
    ours: String,
    /// How many results it explained.
    pub(crate) times: u32,
}

impl Difference {
    fn read(entry: &toml::Value) -> Self {
        let word = |key: &str| {
            let value = entry.get(key).and_then(toml::Value::as_str);
            value.unwrap_or_else(|| panic!("an entry without `{key}`: {entry:?}")).to_owned()
        };
        let line = format!("^(?:{}) = (?:{})$", word("call"), word("wine"));
        let wine = Regex::new(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        Self { rows: word("rows"), what: word("what"), wine, ours: word("ours"), times: 0 }
    }

    fn explains(&self, call: &str, wine: &str, ours: &str) -> bool {
        let line = format!("{call} = {wine}");
        self.wine.captures(&line).is_some_and(|captures| self.rewrite(&captures) == ours)
    }

    /// What is ours, by what Wine answered.
    fn rewrite(&self, captures: &Captures) -> String {
        let mut text = String::new();
        captures.expand(&self.ours, &mut text);
        text
    }
}
