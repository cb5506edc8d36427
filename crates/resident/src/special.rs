//! Calls whose lists lie in the data area: stores that were seen, and frames.

use alloc::vec::Vec;

use pagewright_core::wire::{FrameRequest, encode_runs};
use pagewright_core::{Error, FrameCall, Kind, Managed, Verb, Written};
use pagewright_linux::machine::Linux;
use pagewright_linux::ring::{DATA_LEN, DataArea};

use crate::list::Lists;

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

/// Serves a call about frames, whose list lies in the data area, or came before part by part; leaves the
/// answer there, as far as it fits: only frames that are taken are news for the caller.
pub fn frames(
    managed: &mut Managed<Linux>,
    lists: &mut Lists,
    request: FrameRequest,
    data: &DataArea<'_>,
) -> Result<u64, Error> {
    let fail = |kind| Error::new(Verb::Frames, kind, 0, 0);
    let mut numbers = |count: u64| match data.read_words(usize::try_from(count).unwrap_or(usize::MAX)) {
        Some(numbers) => Ok(numbers),
        None => lists.take(data.slot(), count).map_err(fail),
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
        FrameRequest::List { first, count } => {
            let part = data.read_words(usize::try_from(count).unwrap_or(usize::MAX));
            let part = part.ok_or(fail(Kind::Protocol))?;
            lists.add(data.slot(), first, &part).map_err(fail)?;
            return Ok(count);
        }
    }?;
    leave(data, &answer);
    Ok(answer.len() as u64)
}

fn leave(data: &DataArea<'_>, words: &[u64]) {
    for (offset, word) in words.iter().take(ROOM).enumerate() {
        data.write_word(offset, *word);
    }
}
