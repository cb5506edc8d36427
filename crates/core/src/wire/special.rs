//! Words of the calls about watched, yielded and physical memory.

use super::Frame;
use crate::contract::{After, Survival};
use crate::op::{Fate, Mark, Recycle, Stores, Written};

pub(super) const WRITTEN: u64 = 24;
pub(super) const MARK: u64 = 25;
pub(super) const RECYCLE: u64 = 26;
pub(super) const FRAMES: u64 = 27;

/// A [`crate::FrameCall`] without its list, which lies in the data area: frames, or for
/// `Scatter` pairs of address and frame plus one (0 for none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRequest {
    /// See there.
    Allocate {
        /// How many.
        count: u64,
        /// The node.
        node: Option<u16>,
    },
    /// See there; so many frames in the data area.
    Free(u64),
    /// See there.
    Map {
        /// The first page.
        at: u64,
        /// So many frames in the data area.
        count: u64,
    },
    /// See there.
    Unmap {
        /// The first page.
        at: u64,
        /// How many.
        count: u64,
    },
    /// See there; so many pairs in the data area.
    Scatter(u64),
    /// A part of a list that does not fit into the data area; the next call of another kind from the
    /// same slot uses the whole list, if that is as long as it says.
    List {
        /// How many numbers came before: 0 begins a new list.
        first: u64,
        /// So many numbers in the data area.
        count: u64,
    },
}

pub(super) fn encode_written(request: &Written) -> Frame {
    let after = match request.after {
        After::Keep => 0,
        After::Forget => 1,
    };
    words([WRITTEN, request.at, request.size, request.limit, after])
}

pub(super) fn decode_written(frame: &Frame) -> Option<Written> {
    let after = match frame[4] {
        0 => After::Keep,
        1 => After::Forget,
        _ => return None,
    };
    Some(Written { at: frame[1], size: frame[2], limit: frame[3], after })
}

pub(super) fn encode_mark(request: &Mark) -> Frame {
    let stores = match request.stores {
        Stores::Note => 0,
        Stores::Forget => 1,
    };
    words([MARK, request.at, request.size, stores])
}

pub(super) fn decode_mark(frame: &Frame) -> Option<Mark> {
    let stores = match frame[3] {
        0 => Stores::Note,
        1 => Stores::Forget,
        _ => return None,
    };
    Some(Mark { at: frame[1], size: frame[2], stores })
}

const FATES: [Fate; 5] = [Fate::Reset, Fate::UndoReset, Fate::Offer, Fate::Reclaim, Fate::Discard];

pub(super) fn encode_recycle(request: &Recycle) -> Frame {
    let fate = FATES.iter().position(|fate| *fate == request.fate).map_or(u64::MAX, |at| at as u64);
    words([RECYCLE, request.at, request.size, fate])
}

pub(super) fn decode_recycle(frame: &Frame) -> Option<Recycle> {
    let fate = *FATES.get(usize::try_from(frame[3]).ok()?)?;
    Some(Recycle { at: frame[1], size: frame[2], fate })
}

pub(super) fn encode_frames(request: &FrameRequest) -> Frame {
    match *request {
        FrameRequest::Allocate { count, node } => {
            words([FRAMES, 0, count, node.map_or(0, |node| u64::from(node) + 1)])
        }
        FrameRequest::Free(count) => words([FRAMES, 1, count]),
        FrameRequest::Map { at, count } => words([FRAMES, 2, count, at]),
        FrameRequest::Unmap { at, count } => words([FRAMES, 3, count, at]),
        FrameRequest::Scatter(count) => words([FRAMES, 4, count]),
        FrameRequest::List { first, count } => words([FRAMES, 5, count, first]),
    }
}

pub(super) fn decode_frames(frame: &Frame) -> Option<FrameRequest> {
    let (count, third) = (frame[2], frame[3]);
    Some(match frame[1] {
        0 => {
            let node = third.checked_sub(1).map(u16::try_from).transpose().ok()?;
            FrameRequest::Allocate { count, node }
        }
        1 => FrameRequest::Free(count),
        2 => FrameRequest::Map { at: third, count },
        3 => FrameRequest::Unmap { at: third, count },
        4 => FrameRequest::Scatter(count),
        5 => FrameRequest::List { first: third, count },
        _ => return None,
    })
}

pub(super) const fn survival_word(survival: Survival) -> u64 {
    match survival {
        Survival::Intact => 0,
        Survival::Lost => 1,
    }
}

pub(super) const fn word_survival(word: u64) -> Option<Survival> {
    match word {
        0 => Some(Survival::Intact),
        1 => Some(Survival::Lost),
        _ => None,
    }
}

fn words<const N: usize>(given: [u64; N]) -> Frame {
    let mut frame = [0; 16];
    frame[..N].copy_from_slice(&given);
    frame
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::Request;
    use super::*;

    #[test]
    fn every_special_request_survives_the_wire() {
        let mut requests = Vec::new();
        for after in [After::Keep, After::Forget] {
            requests.push(Request::Written(Written { at: 1, size: 2, limit: 3, after }));
        }
        for stores in [Stores::Note, Stores::Forget] {
            requests.push(Request::Mark(Mark { at: 1, size: 2, stores }));
        }
        for fate in FATES {
            requests.push(Request::Recycle(Recycle { at: 1, size: 2, fate }));
        }
        for node in [None, Some(0), Some(u16::MAX)] {
            requests.push(Request::Frames(FrameRequest::Allocate { count: 9, node }));
        }
        for call in [
            FrameRequest::Free(7),
            FrameRequest::Map { at: 0x1000, count: 7 },
            FrameRequest::Unmap { at: 0x1000, count: 7 },
            FrameRequest::Scatter(7),
            FrameRequest::List { first: 4096, count: 7 },
        ] {
            requests.push(Request::Frames(call));
        }
        for request in requests {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (operation, word) in [(WRITTEN, 4), (MARK, 3), (RECYCLE, 3), (FRAMES, 1)] {
            let mut frame = [0; 16];
            frame[0] = operation;
            frame[word] = 9;
            assert_eq!(Request::decode(&frame), None, "{operation}");
        }
        assert_eq!(word_survival(2), None);
    }
}
