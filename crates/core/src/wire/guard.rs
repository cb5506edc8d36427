//! Words of the calls about guards that were met, and what is told of each.

use super::Frame;

pub(super) const GUARD: u64 = 40;
pub(super) const MEET: u64 = 41;
pub(super) const WRITE_UNDER: u64 = 42;

/// How the program learns that one of its threads has met a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GuardDelivery {
    /// By its own handler of `SIGSEGV`, before the access is made again; a program without
    /// one ends by it.
    #[default]
    Signal,
    /// Not at all: the access is made again. Only who attached learns of it.
    Event,
}

/// What an access that met a guard was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardAccess {
    /// To load, or to fetch an instruction.
    Load,
    /// To store.
    Store,
}

/// One guard that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardHit {
    /// Its number, counted from 1 since the process was attached.
    pub number: u64,
    /// The address: the very one, or that of the page on kernels before 5.18.
    pub at: u64,
    /// What for.
    pub access: GuardAccess,
    /// The thread, as numbered in its process's namespace.
    pub thread: u32,
    /// When, in nanoseconds of the monotonic clock.
    pub time_ns: u64,
}

/// What can be asked about guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardRequest {
    /// From now on the program learns of them so.
    Deliver(GuardDelivery),
    /// The hits after the one of this number, as many as the data area holds.
    Hits(u64),
}

/// Words of a hit.
pub const HIT: usize = 4;

impl GuardHit {
    /// The hit as words.
    pub const fn encode(&self) -> [u64; HIT] {
        let access = match self.access {
            GuardAccess::Load => 0,
            GuardAccess::Store => 1,
        };
        [self.number, self.at, (self.thread as u64) << 8 | access, self.time_ns]
    }

    /// The hit behind the words.
    pub fn decode(words: &[u64; HIT]) -> Option<Self> {
        let access = match words[2] & 0xff {
            0 => GuardAccess::Load,
            1 => GuardAccess::Store,
            _ => return None,
        };
        let thread = u32::try_from(words[2] >> 8).ok()?;
        Some(Self { number: words[0], at: words[1], access, thread, time_ns: words[3] })
    }
}

pub(super) fn encode(request: &GuardRequest) -> Frame {
    let mut frame = [0; 16];
    let words = match *request {
        GuardRequest::Deliver(GuardDelivery::Signal) => [GUARD, 0, 0],
        GuardRequest::Deliver(GuardDelivery::Event) => [GUARD, 0, 1],
        GuardRequest::Hits(after) => [GUARD, 1, after],
    };
    frame[..3].copy_from_slice(&words);
    frame
}

pub(super) const fn decode(frame: &Frame) -> Option<GuardRequest> {
    Some(match (frame[1], frame[2]) {
        (0, 0) => GuardRequest::Deliver(GuardDelivery::Signal),
        (0, 1) => GuardRequest::Deliver(GuardDelivery::Event),
        (1, after) => GuardRequest::Hits(after),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;

    #[test]
    fn every_request_and_hit_survives_the_wire() {
        let deliver = [GuardDelivery::Signal, GuardDelivery::Event].map(GuardRequest::Deliver);
        for request in deliver.into_iter().chain([GuardRequest::Hits(7), GuardRequest::Hits(u64::MAX)]) {
            let request = Request::Guard(request);
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        for request in [Request::Meet(u64::MAX), Request::WriteUnder(u64::MAX, 7)] {
            assert_eq!(Request::decode(&request.encode()), Some(request));
        }
        for access in [GuardAccess::Load, GuardAccess::Store] {
            let hit = GuardHit { number: 1, at: u64::MAX, access, thread: u32::MAX, time_ns: 5 };
            assert_eq!(GuardHit::decode(&hit.encode()), Some(hit));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let mut frame = [0; 16];
        (frame[0], frame[1]) = (GUARD, 2);
        assert_eq!(Request::decode(&frame), None);
        assert_eq!(GuardHit::decode(&[0, 0, 2, 0]), None);
        assert_eq!(GuardHit::decode(&[0, 0, !0xff, 0]), None);
    }
}
