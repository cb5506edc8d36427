//! Puts rows, tests and notes together, and says what does not fit.

use std::collections::BTreeMap;

use super::catalogue::Catalogue;
use super::notes::{Kind, Note, Notes};
use super::tags::{Extent, Place, Proof};

/// What is known of a row.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) status: Status,
    /// The sentence of the note; empty if it just holds.
    pub(crate) why: String,
    /// The tests, the best first.
    pub(crate) proofs: Vec<Proof>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Holds,
    Differs,
    Planned,
    Inapplicable,
}

impl Verdict {
    pub(crate) fn holds(&self) -> bool {
        matches!(self.status, Status::Holds | Status::Differs)
    }

    /// Whether it holds, and a test says so that runs in one of `places`.
    pub(crate) fn holds_in(&self, places: &[Place]) -> bool {
        self.holds() && self.proofs.iter().any(|proof| places.contains(&proof.place))
    }
}

pub(crate) type Verdicts = BTreeMap<String, Verdict>;

/// A verdict on every row, or all that does not fit, one sentence per line.
pub(crate) fn judge(catalogue: &Catalogue, proofs: &[Proof], notes: &Notes) -> Result<Verdicts, String> {
    let mut wrong = unknown(catalogue, proofs, notes);
    let mut verdicts = Verdicts::new();
    for row in catalogue.rows() {
        let proofs = ranked(proofs.iter().filter(|proof| proof.row == row.id).cloned().collect());
        match verdict(proofs, notes.rows.get(&row.id)) {
            Ok(verdict) => _ = verdicts.insert(row.id.clone(), verdict),
            Err(what) => wrong.push(format!("{}: {what} ({})", row.id, row.what)),
        }
    }
    if wrong.is_empty() { Ok(verdicts) } else { Err(report(&wrong)) }
}

fn report(wrong: &[String]) -> String {
    format!("{} things do not fit:\n  {}", wrong.len(), wrong.join("\n  "))
}

/// Tags and notes of rows that do not exist.
fn unknown(catalogue: &Catalogue, proofs: &[Proof], notes: &Notes) -> Vec<String> {
    let exists = |id: &str| catalogue.rows().any(|row| row.id == id);
    let tags = proofs.iter().filter(|proof| !exists(&proof.row));
    let tags = tags.map(|proof| format!("{}: {} names it, but there is no such row", proof.row, proof.test));
    let notes = notes.rows.keys().chain(notes.process.keys()).filter(|id| !exists(id));
    tags.chain(notes.map(|id| format!("{id}: a note names it, but there is no such row"))).collect()
}

/// Whole proofs first, then those that run in most places.
fn ranked(mut proofs: Vec<Proof>) -> Vec<Proof> {
    proofs.sort_by_key(|proof| (proof.extent, proof.place));
    proofs
}

fn verdict(proofs: Vec<Proof>, note: Option<&Note>) -> Result<Verdict, &'static str> {
    let whole = proofs.iter().any(|proof| proof.extent == Extent::Whole);
    let status = match note.map(|note| note.kind) {
        None if whole => Status::Holds,
        None if proofs.is_empty() => return Err("neither a test nor a note"),
        None => return Err("the tests prove a part of it only, and no note says what of the rest"),
        Some(Kind::Differs) if proofs.is_empty() => {
            return Err("noted as held with a difference, but no test");
        }
        Some(Kind::Differs) => Status::Differs,
        Some(Kind::Planned) if whole => return Err("noted as planned, but a test proves it"),
        Some(Kind::Planned) => Status::Planned,
        Some(Kind::Inapplicable) if whole => return Err("noted as not applicable, but a test proves it"),
        Some(Kind::Inapplicable) => Status::Inapplicable,
    };
    let why = note.map(|note| note.why.clone()).unwrap_or_default();
    Ok(Verdict { status, why, proofs })
}

#[cfg(test)]
mod checks {
    use super::*;

    fn proof(extent: Extent) -> Vec<Proof> {
        vec![Proof { row: "XX01".into(), test: "a.rs::b".into(), extent, place: Place::Linux }]
    }

    fn note(kind: Kind) -> Note {
        Note { kind, why: "because".into() }
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        let status = |proofs, kind: Option<Kind>| {
            verdict(proofs, kind.map(note).as_ref()).map(|verdict| verdict.status).ok()
        };
        let [whole, part] = [Extent::Whole, Extent::Part].map(|extent| move || proof(extent));
        assert_eq!(status(whole(), None), Some(Status::Holds));
        assert_eq!(status(part(), None), None);
        assert_eq!(status(Vec::new(), None), None);
        assert_eq!(status(part(), Some(Kind::Differs)), Some(Status::Differs));
        assert_eq!(status(Vec::new(), Some(Kind::Differs)), None);
        assert_eq!(status(whole(), Some(Kind::Planned)), None);
        assert_eq!(status(part(), Some(Kind::Planned)), Some(Status::Planned));
        assert_eq!(status(whole(), Some(Kind::Inapplicable)), None);
        assert_eq!(status(Vec::new(), Some(Kind::Inapplicable)), Some(Status::Inapplicable));
    }
}
