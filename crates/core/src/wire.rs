//! Requests and answers as words, for a mailbox between two processes.
//!
//! What arrives is untrusted: every word is checked, and what makes no sense
//! decodes to `None` (a request) or to [`Kind::Protocol`] (an answer).

mod guard;
mod pages;
mod runs;
mod share;
mod special;

pub use guard::{GuardAccess, GuardDelivery, GuardHit, GuardRequest, HIT};
pub use runs::{decode_runs, encode_runs};
pub use share::{ExportRequest, FileId, Holder, ImportRequest, LEASE, Lease};
pub use special::FrameRequest;

use crate::access::{Protection, Rights, Slot, Wiring};
use crate::contract::{Backing, Survival};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::op::{
    Action, Alias, Allocate, AttributeRange, CopyRange, Disposal, Free, Info, Lock, Map, Mark, Order, Owner,
    Place, Protect, Recycle, Remap, Restrict, State, Surveyed, Unmap, Window, WireRange, Written,
};
use crate::traits::Traits;

/// One message: 16 words.
pub type Frame = [u64; 16];

/// Operation numbers of this module are below this; the mailbox's own are not.
pub const OPERATIONS: u64 = 0x100;

/// What a caller asks of an address space elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// See [`crate::AddressSpace::allocate`].
    Allocate(Allocate),
    /// See [`crate::AddressSpace::free`].
    Free(Free),
    /// See [`crate::AddressSpace::protect`].
    Protect(Protect),
    /// See [`crate::AddressSpace::lock`].
    Lock(Lock),
    /// See [`crate::AddressSpace::query`].
    Query(u64),
    /// As many runs from this address on as the data area holds.
    Runs(u64),
    /// How much there is.
    Stats,
    /// Sets the commit limit, in bytes.
    SetLimit(u64),
    /// Releases every region.
    ReleaseAll,
    /// See [`crate::AddressSpace::alias`].
    Alias(Alias),
    /// See [`crate::AddressSpace::copy`].
    Copy(CopyRange),
    /// See [`crate::AddressSpace::export`]: as many leases as the data area then holds.
    Export(ExportRequest),
    /// See [`crate::AddressSpace::import`].
    Import(ImportRequest),
    /// Makes an object of that many pages, for the next import, and says where it is.
    Lend(u64),
    /// Whether this process may open what that one has open.
    CanReach(Holder),
    /// See [`crate::AddressSpace::map`].
    Map(Map),
    /// See [`crate::AddressSpace::unmap`].
    Unmap(Unmap),
    /// See [`crate::AddressSpace::restrict`].
    Restrict(Restrict),
    /// See [`crate::AddressSpace::attribute`].
    Attribute(AttributeRange),
    /// See [`crate::AddressSpace::wire_range`].
    WireRange(WireRange),
    /// See [`crate::AddressSpace::remap`].
    Remap(Remap),
    /// See [`crate::AddressSpace::survey`].
    Survey(u64),
    /// See [`crate::AddressSpace::written`]: as many runs as the data area holds, start and end.
    Written(Written),
    /// See [`crate::AddressSpace::mark`].
    Mark(Mark),
    /// See [`crate::AddressSpace::recycle`].
    Recycle(Recycle),
    /// See [`crate::AddressSpace::frames`]: lists lie in the data area, both ways.
    Frames(FrameRequest),
    /// About guards that were met.
    Guard(GuardRequest),
    /// See [`crate::AddressSpace::meet`]: how many guards, one or none.
    Meet(u64),
    /// Writes so many bytes from the data area to this address, of a page with an armed guard,
    /// which stays armed: how many were.
    WriteUnder(u64, u64),
}

/// How much there is in an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stats {
    /// Regions.
    pub regions: u64,
    /// Bytes promised.
    pub committed: u64,
    /// Bytes that may be promised.
    pub limit: u64,
    /// How commits are made, as the machine numbers its strategies.
    pub strategy: u64,
    /// Bytes that the resident itself uses in the target.
    pub overhead: u64,
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A range that was allocated, freed, wired or unwired.
    Range(PageRange),
    /// The protection that was there before.
    Protection(Protection),
    /// What stands there.
    Info(Info),
    /// How much there is.
    Stats(Stats),
    /// How many records the data area holds.
    Count(u64),
    /// It is done.
    Done,
    /// How many bytes were copied.
    Bytes(u64),
    /// Where a file is.
    File(FileId, Holder),
    /// What stands there, with everything that is known of it.
    Surveyed(Surveyed),
    /// A range that was mapped again, the rights that all of it has, and may have.
    Remapped(PageRange, Rights, Rights),
    /// Whether content is still there.
    Survival(Survival),
}

/// Words of one record of [`Request::Runs`] in the data area.
pub const RECORD: usize = 8;

impl Request {
    /// The words of this request.
    pub fn encode(&self) -> Frame {
        let mut frame = [0; 16];
        let words: &[u64] = match self {
            Self::Allocate(request) => return encode_allocate(request),
            Self::Free(request) => {
                let disposal = match request.disposal {
                    Disposal::Decommit => 0,
                    Disposal::Release => 1,
                    Disposal::Unmap => 2,
                    Disposal::Hold => 3,
                    Disposal::Join => 4,
                    Disposal::UnmapAndHold => 5,
                };
                &[2, request.at, request.size, disposal]
            }
            Self::Protect(request) => &[3, request.at, request.size, protection_word(request.protection)],
            Self::Lock(request) => {
                let wiring = match request.wiring {
                    Wiring::Pageable => 0,
                    Wiring::Wired => 1,
                };
                &[
                    4,
                    request.at,
                    request.size,
                    wiring,
                    request.quota.map_or(0, |quota| quota.saturating_add(1)),
                ]
            }
            Self::Query(at) => &[5, *at],
            Self::Runs(at) => &[6, *at],
            Self::Stats => &[7],
            Self::SetLimit(limit) => &[8, *limit],
            Self::ReleaseAll => &[9],
            Self::Alias(request) => return share::encode_alias(request),
            Self::Copy(request) => return share::encode_copy(request),
            Self::Export(request) => return share::encode_export(request),
            Self::Import(request) => return share::encode_import(request),
            Self::Lend(pages) => &[14, *pages],
            Self::CanReach(holder) => &[15, u64::from(holder.pid), u64::from(holder.tid)],
            Self::Map(request) => return pages::encode_map(request),
            Self::Unmap(request) => return pages::encode_unmap(request),
            Self::Restrict(request) => return pages::encode_restrict(request),
            Self::Attribute(request) => return pages::encode_attribute(request),
            Self::WireRange(request) => return pages::encode_wire(request),
            Self::Remap(request) => return pages::encode_remap(request),
            Self::Survey(at) => &[pages::SURVEY, *at],
            Self::Written(request) => return special::encode_written(request),
            Self::Mark(request) => return special::encode_mark(request),
            Self::Recycle(request) => return special::encode_recycle(request),
            Self::Frames(request) => return special::encode_frames(request),
            Self::Guard(request) => return guard::encode(request),
            Self::Meet(at) => &[guard::MEET, *at],
            Self::WriteUnder(at, size) => &[guard::WRITE_UNDER, *at, *size],
        };
        frame[..words.len()].copy_from_slice(words);
        frame
    }

    /// The request behind the words.
    pub fn decode(frame: &Frame) -> Option<Self> {
        let (at, size, third) = (frame[1], frame[2], frame[3]);
        Some(match frame[0] {
            1 => Self::Allocate(decode_allocate(frame)?),
            2 => {
                let disposal = match third {
                    0 => Disposal::Decommit,
                    1 => Disposal::Release,
                    2 => Disposal::Unmap,
                    3 => Disposal::Hold,
                    4 => Disposal::Join,
                    5 => Disposal::UnmapAndHold,
                    _ => return None,
                };
                Self::Free(Free { at, size, disposal })
            }
            3 => Self::Protect(Protect { at, size, protection: word_protection(third)? }),
            4 => {
                let wiring = match third {
                    0 => Wiring::Pageable,
                    1 => Wiring::Wired,
                    _ => return None,
                };
                Self::Lock(Lock { at, size, wiring, quota: frame[4].checked_sub(1) })
            }
            5 => Self::Query(at),
            6 => Self::Runs(at),
            7 => Self::Stats,
            8 => Self::SetLimit(at),
            9 => Self::ReleaseAll,
            10 => Self::Alias(share::decode_alias(frame)?),
            11 => Self::Copy(share::decode_copy(frame)),
            12 => Self::Export(share::decode_export(frame)?),
            13 => Self::Import(share::decode_import(frame)?),
            14 => Self::Lend(at),
            15 => {
                let (pid, tid) = (u32::try_from(at).ok()?, u32::try_from(size).ok()?);
                Self::CanReach(Holder { pid, tid, descriptor: 0 })
            }
            pages::MAP..=pages::SURVEY => pages::decode(frame)?,
            special::WRITTEN => Self::Written(special::decode_written(frame)?),
            special::MARK => Self::Mark(special::decode_mark(frame)?),
            special::RECYCLE => Self::Recycle(special::decode_recycle(frame)?),
            special::FRAMES => Self::Frames(special::decode_frames(frame)?),
            guard::GUARD => Self::Guard(guard::decode(frame)?),
            guard::MEET => Self::Meet(at),
            guard::WRITE_UNDER => Self::WriteUnder(at, size),
            _ => return None,
        })
    }
}

fn encode_allocate(request: &Allocate) -> Frame {
    let mut frame = [0; 16];
    frame[0] = 1;
    frame[1] = request.size;
    frame[2] = match request.action {
        Action::Reserve => 0,
        Action::Commit => 1,
        Action::ReserveCommit => 2,
        Action::Placeholder => 3,
    };
    frame[3] = protection_word(request.protection);
    frame[4..9].copy_from_slice(&place_words(request.place));
    frame[9] = request.traits.to_word();
    frame
}

/// A place as five words; the first is below 4.
fn place_words(place: Place) -> [u64; 5] {
    match place {
        Place::At(at) => [0, at, 0, 0, 0],
        Place::Near(at) => [1, at, 0, 0, 0],
        Place::Placeholder(at) => [3, at, 0, 0, 0],
        Place::Window(window) => {
            let order = match window.order {
                Order::BottomUp => 0,
                Order::TopDown => 1,
            };
            [2, window.lowest, window.highest, window.alignment, order]
        }
    }
}

fn words_place(words: [u64; 5]) -> Option<Place> {
    Some(match words[0] {
        0 => Place::At(words[1]),
        1 => Place::Near(words[1]),
        3 => Place::Placeholder(words[1]),
        2 => {
            let order = match words[4] {
                0 => Order::BottomUp,
                1 => Order::TopDown,
                _ => return None,
            };
            let (lowest, highest, alignment) = (words[1], words[2], words[3]);
            Place::Window(Window { lowest, highest, alignment, order })
        }
        _ => return None,
    })
}

fn decode_allocate(frame: &Frame) -> Option<Allocate> {
    let action = match frame[2] {
        0 => Action::Reserve,
        1 => Action::Commit,
        2 => Action::ReserveCommit,
        3 => Action::Placeholder,
        _ => return None,
    };
    let place = words_place(core::array::from_fn(|word| frame[word + 4]))?;
    let (protection, traits) = (word_protection(frame[3])?, Traits::from_word(frame[9])?);
    Some(Allocate { place, size: frame[1], action, protection, traits })
}

fn protection_word(protection: Protection) -> u64 {
    u64::from(Slot::committed(protection).raw())
}

fn word_protection(word: u64) -> Option<Protection> {
    let raw = u32::try_from(word).ok()?;
    let protection = Slot::from_raw(raw).protection()?;
    (Slot::committed(protection).raw() == raw).then_some(protection)
}

/// The words of a result.
pub fn encode_result(result: &Result<Answer, Error>) -> Frame {
    let mut frame = [0; 16];
    match result {
        Ok(Answer::Range(range)) => {
            frame[..3].copy_from_slice(&[1, range.start().get(), range.end().get()]);
        }
        Ok(Answer::Protection(protection)) => {
            frame[..2].copy_from_slice(&[2, protection_word(*protection)]);
        }
        Ok(Answer::Info(info)) => {
            frame[0] = 3;
            frame[1..=RECORD].copy_from_slice(&encode_info(info));
        }
        Ok(Answer::Stats(stats)) => {
            let words = [4, stats.regions, stats.committed, stats.limit, stats.strategy, stats.overhead];
            frame[..6].copy_from_slice(&words);
        }
        Ok(Answer::Count(count)) => frame[..2].copy_from_slice(&[5, *count]),
        Ok(Answer::Done) => frame[0] = 6,
        Ok(Answer::Bytes(bytes)) => frame[..2].copy_from_slice(&[8, *bytes]),
        Ok(Answer::File(file, holder)) => {
            let lease = Lease { first: 0, pages: 1, ceiling: Rights::empty(), file: *file, holder: *holder };
            frame[0] = 9;
            frame[1..=LEASE].copy_from_slice(&lease.encode());
        }
        Ok(Answer::Surveyed(found)) => return pages::encode_surveyed(10, found),
        Ok(Answer::Remapped(range, current, maximum)) => {
            return pages::encode_remapped(11, *range, *current, *maximum);
        }
        Ok(Answer::Survival(survival)) => {
            frame[..2].copy_from_slice(&[12, special::survival_word(*survival)]);
        }
        Err(error) => {
            let (kind, number) = error.kind.to_wire();
            let words = [7, verb_word(error.verb), kind, number, error.at, error.size];
            frame[..6].copy_from_slice(&words);
        }
    }
    frame
}

/// The result behind the words. `verb` is what was asked, for a broken answer.
///
/// # Errors
/// The error that was sent, or [`Kind::Protocol`] for nonsense.
pub fn decode_result(frame: &Frame, verb: Verb) -> Result<Answer, Error> {
    let broken = Error::new(verb, Kind::Protocol, 0, 0);
    match frame[0] {
        1 => PageRange::between(frame[1], frame[2]).map(Answer::Range).ok_or(broken),
        2 => word_protection(frame[1]).map(Answer::Protection).ok_or(broken),
        3 => {
            let record: [u64; RECORD] = core::array::from_fn(|word| frame[word + 1]);
            decode_info(&record).map(Answer::Info).ok_or(broken)
        }
        4 => Ok(Answer::Stats(Stats {
            regions: frame[1],
            committed: frame[2],
            limit: frame[3],
            strategy: frame[4],
            overhead: frame[5],
        })),
        5 => Ok(Answer::Count(frame[1])),
        6 => Ok(Answer::Done),
        8 => Ok(Answer::Bytes(frame[1])),
        9 => {
            let lease = Lease::decode(&core::array::from_fn(|word| frame[word + 1])).ok_or(broken)?;
            Ok(Answer::File(lease.file, lease.holder))
        }
        10 => pages::decode_surveyed(frame).map(Answer::Surveyed).ok_or(broken),
        11 => pages::decode_remapped(frame).ok_or(broken),
        12 => special::word_survival(frame[1]).map(Answer::Survival).ok_or(broken),
        7 => Err(Error {
            verb: word_verb(frame[1]).unwrap_or(verb),
            kind: Kind::from_wire(frame[2], frame[3]),
            at: frame[4],
            size: frame[5],
        }),
        _ => Err(broken),
    }
}

const fn backing_word(backing: Backing) -> u64 {
    match backing {
        Backing::Private => 0,
        Backing::View => 1,
        Backing::Image => 2,
    }
}

const fn word_backing(word: u64) -> Option<Backing> {
    match word {
        0 => Some(Backing::Private),
        1 => Some(Backing::View),
        2 => Some(Backing::Image),
        _ => None,
    }
}

/// A run as eight words.
pub fn encode_info(info: &Info) -> [u64; RECORD] {
    match info.state {
        State::Free => [info.base, info.size, 0, 0, 0, 0, 0, 0],
        State::Reserved { allocation, initial, backing } => {
            [info.base, info.size, 1, allocation, protection_word(initial), 0, backing_word(backing), 0]
        }
        State::Committed { allocation, initial, protection, backing, owner } => {
            let backing = backing_word(backing);
            let owner = match owner {
                Owner::Own => 0,
                Owner::Foreign => 1,
            };
            let (initial, protection) = (protection_word(initial), protection_word(protection));
            [info.base, info.size, 2, allocation, initial, protection, backing, owner]
        }
    }
}

/// The run behind eight words.
pub fn decode_info(words: &[u64; RECORD]) -> Option<Info> {
    let [base, size, state, allocation, initial, protection, backing, owner] = *words;
    // A run that is empty or wraps around would send a walk in circles.
    if size == 0 || base.checked_add(size).is_none() {
        return None;
    }
    let state = match state {
        0 => State::Free,
        1 => State::Reserved {
            allocation,
            initial: word_protection(initial)?,
            backing: word_backing(backing)?,
        },
        2 => State::Committed {
            allocation,
            initial: word_protection(initial)?,
            protection: word_protection(protection)?,
            backing: word_backing(backing)?,
            owner: match owner {
                0 => Owner::Own,
                1 => Owner::Foreign,
                _ => return None,
            },
        },
        _ => return None,
    };
    Some(Info { base, size, state })
}

const VERBS: [Verb; 15] = [
    Verb::Allocate,
    Verb::Free,
    Verb::Protect,
    Verb::Query,
    Verb::Read,
    Verb::Write,
    Verb::Lock,
    Verb::Unlock,
    Verb::Attach,
    Verb::Alias,
    Verb::Copy,
    Verb::Attribute,
    Verb::Watch,
    Verb::Recycle,
    Verb::Frames,
];

fn verb_word(verb: Verb) -> u64 {
    VERBS.iter().position(|other| *other == verb).map_or(u64::MAX, |index| index as u64)
}

fn word_verb(word: u64) -> Option<Verb> {
    usize::try_from(word).ok().and_then(|index| VERBS.get(index)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Caching;

    #[test]
    fn every_request_survives_the_wire() {
        let protection = Protection::READ_WRITE.guarded().cached(Caching::NoCache);
        let window = Window { lowest: 1, highest: 2, alignment: 4, order: Order::TopDown };
        for place in [Place::At(7), Place::Near(9), Place::Placeholder(11), Place::Window(window)] {
            for action in [Action::Reserve, Action::Commit, Action::ReserveCommit] {
                let request =
                    Request::Allocate(Allocate { place, size: 5, action, protection, traits: Traits::PLAIN });
                assert_eq!(Request::decode(&request.encode()), Some(request));
            }
        }
        for request in [
            Request::Free(Free { at: 1, size: 2, disposal: Disposal::Release }),
            Request::Protect(Protect { at: 1, size: 2, protection: Protection::NONE }),
            Request::Lock(Lock { at: 1, size: 2, wiring: Wiring::Wired, quota: None }),
            Request::Query(3),
            Request::Runs(4),
            Request::Stats,
            Request::SetLimit(5),
            Request::ReleaseAll,
        ] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert_eq!(Request::decode(&[99; 16]), None);
        let mut frame = Request::Protect(Protect { at: 0, size: 1, protection: Protection::READ }).encode();
        frame[3] = 0xffff;
        assert_eq!(Request::decode(&frame), None);
        let kind = decode_result(&[42; 16], Verb::Query).map_err(|error| error.kind);
        assert_eq!(kind, Err(Kind::Protocol));
        assert_eq!(decode_info(&[u64::MAX, 2, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn every_error_survives_the_wire() {
        for code in 1..=45 {
            let kind = Kind::from_wire(code, 7);
            let error = Error::new(Verb::Unlock, kind, 1, 2);
            assert_eq!(decode_result(&encode_result(&Err(error)), Verb::Query), Err(error));
            assert_eq!(kind.to_wire().0, code, "each code has its own kind");
        }
    }
}
