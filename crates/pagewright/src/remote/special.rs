//! Watched, yielded and physical memory, by way of the resident.

use pagewright_core::wire::{Answer, FrameRequest, Request};
use pagewright_core::{FrameCall, Mark, PageRange, Recycle, Survival, Verb, Written};

use super::{Broken, Placing, Remote, TRIES};
use crate::error::Result;

/// Words that one call moves at most: a half of the data area.
const BATCH: usize = 2048;

impl Remote {
    pub(crate) fn written(&self, request: &Written) -> Result<Vec<PageRange>> {
        let mut link = self.lock_link();
        match self.ask_on(&mut link, Verb::Watch, &Request::Written(*request), Placing::IfMissing)? {
            Some(Answer::Count(count)) => {
                let words = link.as_ref().and_then(|link| link.numbers(count.checked_mul(2)?));
                let words = words.ok_or_else(|| self.nonsense(Verb::Watch))?;
                let (pairs, _) = words.as_chunks::<2>();
                let runs: Option<Vec<_>> =
                    pairs.iter().map(|[start, end]| PageRange::between(*start, *end)).collect();
                runs.ok_or_else(|| self.nonsense(Verb::Watch))
            }
            Some(_) | None => Err(self.nonsense(Verb::Watch)),
        }
    }

    pub(crate) fn mark(&self, request: &Mark) -> Result<()> {
        match self.ask(Verb::Watch, &Request::Mark(*request), Placing::IfMissing)? {
            Some(Answer::Done) => Ok(()),
            Some(_) | None => Err(self.nonsense(Verb::Watch)),
        }
    }

    pub(crate) fn recycle(&self, request: &Recycle) -> Result<Survival> {
        match self.ask(Verb::Recycle, &Request::Recycle(*request), Placing::IfMissing)? {
            Some(Answer::Survival(survival)) => Ok(survival),
            Some(_) | None => Err(self.nonsense(Verb::Recycle)),
        }
    }

    pub(crate) fn frames(&self, call: FrameCall<'_>) -> Result<Vec<u64>> {
        let (request, list) = split(call);
        let mut link = self.lock_link();
        for _ in 0..TRIES {
            // The list lies in the slot of one resident: it must be that which is asked.
            if self.ask_on(&mut link, Verb::Frames, &Request::Stats, Placing::IfMissing)?.is_none() {
                break;
            }
            let Some(open) = link.as_mut() else { break };
            match open.leave_numbers(&list) {
                Ok(()) => {}
                Err(Broken::Dead) => continue,
                Err(Broken::Busy) => return Err(self.not_answering(Verb::Frames)),
                Err(Broken::Nonsense) => return Err(self.nonsense(Verb::Frames)),
            }
            match self.ask_on(&mut link, Verb::Frames, &Request::Frames(request), Placing::Never)? {
                Some(Answer::Count(count)) => {
                    let words = link.as_ref().and_then(|link| link.numbers(count));
                    return words.ok_or_else(|| self.nonsense(Verb::Frames));
                }
                Some(_) => return Err(self.nonsense(Verb::Frames)),
                None => {}
            }
        }
        Err(self.restless(Verb::Frames))
    }
}

/// A call as a request and the list that lies beside it.
fn split(call: FrameCall<'_>) -> (FrameRequest, Vec<u64>) {
    match call {
        FrameCall::Allocate { count, node } => {
            (FrameRequest::Allocate { count: count.min(BATCH as u64), node }, Vec::new())
        }
        FrameCall::Free(frames) => (FrameRequest::Free(frames.len() as u64), frames.to_vec()),
        FrameCall::Map { at, frames } => {
            (FrameRequest::Map { at, count: frames.len() as u64 }, frames.to_vec())
        }
        FrameCall::Unmap { at, count } => (FrameRequest::Unmap { at, count }, Vec::new()),
        FrameCall::Scatter(pairs) => {
            let words = pairs.iter().flat_map(|(at, frame)| [*at, frame.map_or(0, |frame| frame + 1)]);
            (FrameRequest::Scatter(pairs.len() as u64), words.collect())
        }
    }
}
