//! What no test can say: where a row holds with a difference, comes later, or has no place on
//! Linux; and why.

use std::collections::BTreeMap;
use std::path::Path;

use super::text;

/// A note on a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    /// A sentence: the difference, the subject that brings it, or why it has no place.
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Holds, with a difference that the sentence names.
    Differs,
    /// Comes with what the sentence names.
    Planned,
    /// Speaks of something that Linux, or this machine, does not have.
    Inapplicable,
}

/// All of the file.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// By row: tables `[[note]]` with `rows` (`XX01 XX05-XX09`), `kind`, `why`.
    pub(crate) rows: BTreeMap<String, Note>,
    /// Rows that an emulated guest has no part in, and why: tables `[[process]]` with `rows`, `why`.
    pub(crate) process: BTreeMap<String, String>,
}

pub(crate) fn read(path: &Path) -> Result<Notes, String> {
    parse(&text(path)?).map_err(|what| format!("{}: {what}", path.display()))
}

fn parse(text: &str) -> Result<Notes, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let entries = |name| table.get(name).and_then(toml::Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut notes = Notes::default();
    for entry in entries("note") {
        let note = Note { kind: kind(&word(entry, "kind")?)?, why: word(entry, "why")? };
        add(&mut notes.rows, entry, &note)?;
    }
    for entry in entries("process") {
        add(&mut notes.process, entry, &word(entry, "why")?)?;
    }
    Ok(notes)
}

fn add<T: Clone>(to: &mut BTreeMap<String, T>, entry: &toml::Value, what: &T) -> Result<(), String> {
    for words in word(entry, "rows")?.split_whitespace() {
        for row in rows_of(words)? {
            if to.insert(row.clone(), what.clone()).is_some() {
                return Err(format!("{row} is there twice"));
            }
        }
    }
    Ok(())
}

fn word(entry: &toml::Value, key: &str) -> Result<String, String> {
    let value = entry.get(key).and_then(toml::Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("a note without `{key}`: {entry:?}"))
}

fn kind(word: &str) -> Result<Kind, String> {
    match word {
        "differs" => Ok(Kind::Differs),
        "planned" => Ok(Kind::Planned),
        "not applicable" => Ok(Kind::Inapplicable),
        other => Err(format!("`{other}` is none of differs, planned, not applicable")),
    }
}

/// `XX01`, or all of `XX01-XX05`.
fn rows_of(word: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = word.split_once('-') else { return Ok(vec![word.into()]) };
    let (prefix, digits) = first.split_at(first.find(|letter: char| letter.is_ascii_digit()).unwrap_or(0));
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{word}` is no range of rows"));
    let last = number(last.strip_prefix(prefix).unwrap_or(last))?;
    Ok((number(digits)?..=last).map(|row| format!("{prefix}{row:0width$}", width = digits.len())).collect())
}

#[cfg(test)]
mod checks {
    use super::*;

    #[test]
    fn every_row_has_one_note() {
        let text = "[[note]]\nrows = \"XX01 XX08-XX11\"\nkind = \"planned\"\nwhy = \"w\"\n\
                    [[process]]\nrows = \"XX02\"\nwhy = \"p\"\n";
        let notes = parse(text).expect("well-formed");
        let rows: Vec<_> = notes.rows.keys().map(String::as_str).collect();
        assert_eq!(rows, ["XX01", "XX08", "XX09", "XX10", "XX11"]);
        assert_eq!(notes.rows["XX09"], Note { kind: Kind::Planned, why: "w".into() });
        assert_eq!(notes.process["XX02"], "p");
        for wrong in [
            "[[note]]\nrows = \"A\"\nkind = \"later\"\nwhy = \"w\"\n",
            "[[note]]\nrows = \"A\"\nkind = \"planned\"\n",
            "[[note]]\nrows = \"A1-B\"\nkind = \"planned\"\nwhy = \"w\"\n",
            "[[note]]\nrows = \"A A\"\nkind = \"planned\"\nwhy = \"w\"\n",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
