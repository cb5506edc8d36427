//! Aliases and copies as words, and where the objects of another process are.

use super::{Frame, place_words, protection_word, word_protection, words_place};
use crate::access::{Protection, Rights};
use crate::op::{Alias, Consent, CopyRange, Onto};

/// Pages of an object that another process holds, and how to get at it: eight words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The number of the first page.
    pub first: u64,
    /// How many.
    pub pages: u64,
    /// What a view may be given.
    pub ceiling: Rights,
    /// The file that they are in: its number and its device's, which tell whether what is
    /// opened is what was meant.
    pub file: FileId,
    /// Who has it open.
    pub holder: Holder,
}

/// What makes a file this one and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FileId {
    /// The number of its device.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A thread that has a file open, as the kernel's `/proc` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The thread, whose descriptor table may be its own.
    pub tid: u32,
    /// The number in that table.
    pub descriptor: u32,
}

/// Words of one lease in the data area.
pub const LEASE: usize = 8;

/// A request to make pages available to another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    /// The first byte, at a page boundary.
    pub source: u64,
    /// How many bytes, whole pages.
    pub size: u64,
    /// What the other side will use them for.
    pub rights: Rights,
    /// Whether they may be memory that the program mapped itself.
    pub consent: Consent,
    /// The file that private pages are to move to, if the other side made one.
    pub into: Option<(FileId, Holder)>,
}

/// A request to show pages; the leases are in the data area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportRequest {
    /// How many leases.
    pub leases: u64,
    /// Where to.
    pub onto: Onto,
    /// What the view may be used for.
    pub protection: Protection,
}

impl Lease {
    /// The words of a lease.
    pub fn encode(&self) -> [u64; LEASE] {
        [
            self.first,
            self.pages,
            u64::from(self.ceiling.bits()),
            self.file.device,
            self.file.inode,
            u64::from(self.holder.pid),
            u64::from(self.holder.tid),
            u64::from(self.holder.descriptor),
        ]
    }

    /// The lease behind the words.
    pub fn decode(words: &[u64; LEASE]) -> Option<Self> {
        let [first, pages, ceiling, device, inode, pid, tid, descriptor] = *words;
        // Pages that no offset in a file can reach would wrap around later.
        let end = first.checked_add(pages).filter(|end| *end < 1 << 51)?;
        (pages > 0 && end > first).then_some(())?;
        Some(Self {
            first,
            pages,
            ceiling: rights(ceiling)?,
            file: FileId { device, inode },
            holder: decode_holder([pid, tid, descriptor])?,
        })
    }
}

fn decode_holder(words: [u64; 3]) -> Option<Holder> {
    let [pid, tid, descriptor] = words;
    let small = |word: u64| u32::try_from(word).ok().filter(|number| *number <= i32::MAX as u32);
    Some(Holder { pid: small(pid)?, tid: small(tid)?, descriptor: small(descriptor)? })
}

fn rights(word: u64) -> Option<Rights> {
    Rights::from_bits(u8::try_from(word).ok()?)
}

const fn consent_word(consent: Consent) -> u64 {
    match consent {
        Consent::OwnOnly => 0,
        Consent::Foreign => 1,
    }
}

const fn word_consent(word: u64) -> Option<Consent> {
    match word {
        0 => Some(Consent::OwnOnly),
        1 => Some(Consent::Foreign),
        _ => None,
    }
}

/// Five words: which kind, and a place.
fn onto_words(onto: Onto) -> [u64; 5] {
    match onto {
        Onto::Reserved(at) => [3, at, 0, 0, 0],
        Onto::Fresh(place) => place_words(place),
        Onto::View(place) => {
            let [kind, rest @ ..] = place_words(place);
            let [a, b, c, d] = rest;
            [kind + VIEW, a, b, c, d]
        }
    }
}

/// What the kind of a place is raised by where a view goes.
const VIEW: u64 = 4;

fn words_onto(words: [u64; 5]) -> Option<Onto> {
    match words[0] {
        3 => Some(Onto::Reserved(words[1])),
        0..VIEW => words_place(words).map(Onto::Fresh),
        kind => {
            let [_, a, b, c, d] = words;
            words_place([kind - VIEW, a, b, c, d]).map(Onto::View)
        }
    }
}

fn five(frame: &Frame, from: usize) -> [u64; 5] {
    core::array::from_fn(|word| frame[from + word])
}

pub(super) fn encode_alias(request: &Alias) -> Frame {
    let mut frame = [0; 16];
    let protection = protection_word(request.protection);
    frame[..5].copy_from_slice(&[
        10,
        request.source,
        request.size,
        protection,
        consent_word(request.consent),
    ]);
    frame[5..10].copy_from_slice(&onto_words(request.onto));
    frame
}

pub(super) fn decode_alias(frame: &Frame) -> Option<Alias> {
    Some(Alias {
        source: frame[1],
        size: frame[2],
        protection: word_protection(frame[3])?,
        consent: word_consent(frame[4])?,
        onto: words_onto(five(frame, 5))?,
    })
}

pub(super) fn encode_copy(request: &CopyRange) -> Frame {
    let mut frame = [0; 16];
    frame[..4].copy_from_slice(&[11, request.source, request.size, request.target]);
    frame
}

pub(super) const fn decode_copy(frame: &Frame) -> CopyRange {
    CopyRange { source: frame[1], size: frame[2], target: frame[3] }
}

pub(super) fn encode_export(request: &ExportRequest) -> Frame {
    let mut frame = [0; 16];
    let (rights, consent) = (u64::from(request.rights.bits()), consent_word(request.consent));
    frame[..5].copy_from_slice(&[12, request.source, request.size, rights, consent]);
    if let Some((file, holder)) = request.into {
        let (pid, tid, descriptor) =
            (u64::from(holder.pid), u64::from(holder.tid), u64::from(holder.descriptor));
        frame[5..11].copy_from_slice(&[1, file.device, file.inode, pid, tid, descriptor]);
    }
    frame
}

pub(super) fn decode_export(frame: &Frame) -> Option<ExportRequest> {
    let into = match frame[5] {
        0 => None,
        1 => {
            let file = FileId { device: frame[6], inode: frame[7] };
            Some((file, decode_holder([frame[8], frame[9], frame[10]])?))
        }
        _ => return None,
    };
    Some(ExportRequest {
        source: frame[1],
        size: frame[2],
        rights: rights(frame[3])?,
        consent: word_consent(frame[4])?,
        into,
    })
}

pub(super) fn encode_import(request: &ImportRequest) -> Frame {
    let mut frame = [0; 16];
    frame[..3].copy_from_slice(&[13, request.leases, protection_word(request.protection)]);
    frame[3..8].copy_from_slice(&onto_words(request.onto));
    frame
}

pub(super) fn decode_import(frame: &Frame) -> Option<ImportRequest> {
    Some(ImportRequest {
        leases: frame[1],
        protection: word_protection(frame[2])?,
        onto: words_onto(five(frame, 3))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Place, Window};
    use crate::wire::Request;

    #[test]
    fn every_request_about_sharing_survives_the_wire() {
        let protection = Protection::READ_EXECUTE.guarded();
        let (file, holder) = (FileId { device: 5, inode: 6 }, Holder { pid: 7, tid: 8, descriptor: 9 });
        let (consent, rights) = (Consent::Foreign, Rights::READ | Rights::WRITE);
        for onto in [
            Onto::Reserved(7),
            Onto::Fresh(Place::At(8)),
            Onto::Fresh(Place::Near(9)),
            Onto::Fresh(Place::Window(Window::ANYWHERE)),
            Onto::View(Place::At(8)),
            Onto::View(Place::Window(Window::ANYWHERE)),
        ] {
            for request in [
                Request::Alias(Alias { source: 1, size: 2, onto, protection, consent }),
                Request::Import(ImportRequest { leases: 3, onto, protection }),
            ] {
                assert_eq!(Request::decode(&request.encode()), Some(request));
            }
        }
        for into in [None, Some((file, holder))] {
            let request = Request::Export(ExportRequest { source: 1, size: 2, rights, consent, into });
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        for request in [
            Request::Copy(CopyRange { source: 1, size: 2, target: 3 }),
            Request::Lend(4),
            Request::CanReach(Holder { pid: 1, tid: 2, descriptor: 0 }),
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        let lease = Lease { first: 1, pages: 2, ceiling: rights, file, holder };
        assert_eq!(Lease::decode(&lease.encode()), Some(lease));
    }

    #[test]
    fn leases_that_make_no_sense_are_refused() {
        let fine = [0, 1, 3, 1, 1, 1, 1, 1];
        assert!(Lease::decode(&fine).is_some());
        for (word, value) in [(0, u64::MAX), (1, 0), (1, u64::MAX), (2, 0x100), (5, u64::MAX), (7, 1 << 32)] {
            let mut words = fine;
            words[word] = value;
            assert_eq!(Lease::decode(&words), None, "word {word}");
        }
    }
}
