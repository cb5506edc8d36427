//! Calls whose lists lie in the data area: stores that were seen, and frames.

use alloc::vec::Vec;

use pagewright_core::wire::{FrameRequest, encode_runs};
use pagewright_core::{Error, FrameCall, Kind, Managed, Verb, Written};
use pagewright_linux::machine::Linux;
use pagewright_linux::ring::{DATA_LEN, DataArea};

/// Words that the data area holds.
const ROOM: usize = DATA_LEN / 8;

/// Leaves the runs, and answers in how many words: see [`pagewright_core::wire::encode_runs`]. No more
/// pages are asked for than there are words.
pub fn written(managed: &mut Managed<Linux>, request: &Written, data: &DataArea<'_>) -> Result<u64, Error> {
    let limit = request.limit.min(ROOM as u64);
    let runs = managed.written(&Written { limit, ..*request })?;
    let mut words = 0;
    encode_runs(&runs, &mut |word| {
        data.write_word(words, word);
        words += 1;
    });
    Ok(words as u64)
}

/// Serves a call about frames, whose list lies in the data area, and leaves the answer there.
pub fn frames(
    managed: &mut Managed<Linux>,
    request: FrameRequest,
    data: &DataArea<'_>,
) -> Result<u64, Error> {
    let numbers = |count: u64| {
        let count = usize::try_from(count).ok().filter(|count| *count <= ROOM);
        let count = count.ok_or(Error::new(Verb::Frames, Kind::Protocol, 0, 0))?;
        Ok::<Vec<u64>, Error>((0..count).map(|word| number(data, word)).collect())
    };
    let answer = match request {
        FrameRequest::Allocate { count, node } => {
            managed.frames(FrameCall::Allocate { count: count.min(ROOM as u64), node })
        }
        FrameRequest::Free(count) => managed.frames(FrameCall::Free(&numbers(count)?)),
        FrameRequest::Map { at, count } => managed.frames(FrameCall::Map { at, frames: &numbers(count)? }),
        FrameRequest::Unmap { at, count } => managed.frames(FrameCall::Unmap { at, count }),
        FrameRequest::Scatter(count) => {
            let words = numbers(count.saturating_mul(2))?;
            let (pairs, _) = words.as_chunks::<2>();
            let pairs: Vec<_> = pairs.iter().map(|[at, frame]| (*at, frame.checked_sub(1))).collect();
            managed.frames(FrameCall::Scatter(&pairs))
        }
    }?;
    leave(data, &answer);
    Ok(answer.len() as u64)
}

fn number(data: &DataArea<'_>, word: usize) -> u64 {
    let mut bytes = [0; 8];
    data.read(word, &mut bytes);
    u64::from_ne_bytes(bytes)
}

fn leave(data: &DataArea<'_>, words: &[u64]) {
    for (offset, word) in words.iter().take(ROOM).enumerate() {
        data.write(offset, &word.to_ne_bytes());
    }
}
