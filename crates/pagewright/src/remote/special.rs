//! Watched, yielded and physical memory, by way of the resident.

use pagewright_core::wire::{Answer, FrameRequest, Request, decode_result, decode_runs};
use pagewright_core::{After, FrameCall, Kind, Mark, PageRange, Recycle, Survival, Verb, Written};
use pagewright_linux::machine::available_frames;
use pagewright_linux::ring::DATA_LEN;

use super::link::Link;
use super::{Broken, Placing, Remote, TRIES};
use crate::error::Result;

/// Runs that there is room for before they are counted: many allocators give memory that grew back to
/// the system each time.
const FORESEEN: usize = 8192;

/// Pages that one answer tells at most: for each there is a word in the data area.
const ANSWER: u64 = (DATA_LEN / 8) as u64;

/// Bytes of a page.
const PAGE: u64 = 0x1000;

/// Frames that are taken at once.
const BATCH: u64 = ANSWER / 2;

impl Remote {
    pub(crate) fn written(&self, request: &Written) -> Result<Vec<PageRange>> {
        let mut all = Vec::with_capacity(FORESEEN);
        let mut rest = Some(*request);
        while let Some(part) = rest {
            // The slot is ours until its answer was read.
            let mut link = self.lock_link();
            match self.written_once(&mut link, &part, &mut all) {
                Ok(told) => rest = behind(&part, &all, told),
                // What was told is forgotten there by now; the others will be told next time.
                Err(_) if part.after == After::Forget && !all.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Adds the runs that fit into one answer, and says how many pages they have.
    fn written_once(
        &self,
        link: &mut Option<Link>,
        request: &Written,
        all: &mut Vec<PageRange>,
    ) -> Result<u64> {
        let nonsense = || self.nonsense(Verb::Watch);
        let answer = self.ask_on(link, Verb::Watch, &Request::Written(*request), Placing::IfMissing)?;
        let Some(Answer::Count(count)) = answer else { return Err(nonsense()) };
        let words = link.as_ref().and_then(|link| link.numbers(count)).ok_or_else(nonsense)?;
        // What is told now begins where what was told before has ended, and may be one run with it.
        let (known, last) = (all.len(), all.last().copied());
        let told = decode_runs(&words, all).filter(|told| {
            // Callers have room for what they asked for, and for no page more.
            *told <= request.limit && all[known..].iter().all(|run| is_inside(request, *run))
        });
        let told = told.filter(|_| known == 0 || all[known - 1].end().get() <= end_of(request));
        told.ok_or_else(|| {
            all.truncate(known.saturating_sub(1));
            all.extend(last);
            nonsense()
        })
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
        match call {
            FrameCall::Allocate { count, node } if count > BATCH => self.many_frames(count, node),
            FrameCall::Allocate { .. }
            | FrameCall::Free(_)
            | FrameCall::Map { .. }
            | FrameCall::Unmap { .. }
            | FrameCall::Scatter(_) => self.frames_at_once(call),
        }
    }

    /// More frames than one answer tells. Each answer leaves a part of what is available to the system, and
    /// many of them little by little nothing: so what all of them may take is decided beforehand (LP25).
    fn many_frames(&self, count: u64, node: Option<u16>) -> Result<Vec<u64>> {
        let count = count.min(available_frames().unwrap_or(count).max(1));
        let mut frames: Vec<u64> = Vec::new();
        while (frames.len() as u64) < count {
            let part = BATCH.min(count - frames.len() as u64);
            match self.frames_at_once(FrameCall::Allocate { count: part, node }) {
                Ok(more) => {
                    frames.extend(&more);
                    if (more.len() as u64) < part {
                        break;
                    }
                }
                Err(error) if frames.is_empty() => return Err(error),
                Err(_) => break, // LP25: fewer
            }
        }
        Ok(frames)
    }

    fn frames_at_once(&self, call: FrameCall<'_>) -> Result<Vec<u64>> {
        let (request, list) = split(call);
        let mut link = self.lock_link();
        for _ in 0..TRIES {
            // The list goes to one resident: it must be that which is asked.
            if self.ask_on(&mut link, Verb::Frames, &Request::Stats, Placing::IfMissing)?.is_none() {
                break;
            }
            let answer = match self.send_list(&mut link, &list)? {
                Some(()) => self.ask_again(&mut link, &Request::Frames(request))?,
                None => None,
            };
            match (answer, call) {
                (Some(Answer::Count(count)), FrameCall::Free(frames)) if count == frames.len() as u64 => {
                    return Ok(frames.to_vec());
                }
                (Some(Answer::Count(count)), _) if count <= most(&request) => {
                    let words = link.as_ref().and_then(|link| link.numbers(count));
                    return words.ok_or_else(|| self.nonsense(Verb::Frames));
                }
                (Some(_), _) => return Err(self.nonsense(Verb::Frames)),
                (None, _) => {}
            }
        }
        Err(self.restless(Verb::Frames))
    }

    /// Leaves the list of the next call with the resident; `None` if that is gone. A list that fits into
    /// the slot stays there, of a longer one all parts are sent beforehand.
    fn send_list(&self, link: &mut Option<Link>, list: &[u64]) -> Result<Option<()>> {
        let parts = list.chunks(ANSWER as usize);
        let is_long = parts.len() > 1;
        for (index, part) in parts.enumerate() {
            let Some(open) = link.as_mut() else { return Ok(None) };
            match open.leave_numbers(part) {
                Ok(()) => {}
                Err(Broken::Dead) => return Ok(None),
                Err(Broken::Busy) => return Err(self.not_answering(Verb::Frames)),
                Err(Broken::Nonsense) => return Err(self.nonsense(Verb::Frames)),
            }
            if is_long {
                let (first, count) = (index as u64 * ANSWER, part.len() as u64);
                let sent = Request::Frames(FrameRequest::List { first, count });
                if self.ask_again(link, &sent)?.is_none() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(()))
    }

    /// Asks the resident that was asked last, and no other; `None` if it is gone, or has forgotten what it
    /// was sent, because that was long ago.
    fn ask_again(&self, link: &mut Option<Link>, request: &Request) -> Result<Option<Answer>> {
        let Some(open) = link.as_mut() else { return Ok(None) };
        match open.call(&request.encode()) {
            Ok(frame) => match decode_result(&frame, Verb::Frames) {
                Ok(answer) => Ok(Some(answer)),
                Err(error) if error.kind == Kind::Busy => Ok(None),
                Err(error) => Err(self.refused(error)),
            },
            Err(Broken::Dead) => {
                *link = None;
                Ok(None)
            }
            Err(Broken::Busy) => Err(self.not_answering(Verb::Frames)),
            Err(Broken::Nonsense) => Err(self.nonsense(Verb::Frames)),
        }
    }
}

/// What is left of a question when an answer told so many pages, if that was all that fits.
fn behind(request: &Written, all: &[PageRange], told: u64) -> Option<Written> {
    let at = all.last()?.end().get();
    let size = request.at.checked_add(request.size)?.checked_sub(at).filter(|size| *size > 0)?;
    let limit = request.limit.checked_sub(told).filter(|limit| *limit > 0)?;
    (told >= ANSWER).then_some(Written { at, size, limit, ..*request })
}

/// Whether a run lies in the pages that a question is about.
fn is_inside(request: &Written, run: PageRange) -> bool {
    run.start().get() >= request.at & !(PAGE - 1) && run.end().get() <= end_of(request)
}

/// Where those end.
const fn end_of(request: &Written) -> u64 {
    match request.at.saturating_add(request.size).checked_next_multiple_of(PAGE) {
        Some(end) => end,
        None => u64::MAX,
    }
}

/// How many numbers may answer it: callers have no room for more.
const fn most(request: &FrameRequest) -> u64 {
    match *request {
        FrameRequest::Allocate { count, .. } | FrameRequest::Free(count) => count,
        FrameRequest::Map { .. }
        | FrameRequest::Unmap { .. }
        | FrameRequest::Scatter(_)
        | FrameRequest::List { .. } => 0,
    }
}

/// A call as a request and the list that lies beside it.
fn split(call: FrameCall<'_>) -> (FrameRequest, Vec<u64>) {
    match call {
        FrameCall::Allocate { count, node } => {
            (FrameRequest::Allocate { count: count.min(ANSWER), node }, Vec::new())
        }
        FrameCall::Free(frames) => (FrameRequest::Free(frames.len() as u64), frames.to_vec()),
        FrameCall::Map { at, frames } => {
            (FrameRequest::Map { at, count: frames.len() as u64 }, frames.to_vec())
        }
        FrameCall::Unmap { at, count } => (FrameRequest::Unmap { at, count }, Vec::new()),
        FrameCall::Scatter(pairs) => {
            let words =
                pairs.iter().flat_map(|(at, frame)| [*at, frame.map_or(0, |frame| frame.saturating_add(1))]);
            (FrameRequest::Scatter(pairs.len() as u64), words.collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u64, end: u64) -> PageRange {
        PageRange::between(start, end).expect("not empty")
    }

    #[test]
    fn only_what_was_asked_about_may_be_told() {
        let request = Written { at: 0x1_0123, size: 0x2000, limit: 9, after: After::Keep };
        assert!(is_inside(&request, run(0x1_0000, 0x1_3000)));
        for (start, end) in [(0xf000, 0x1_1000), (0x1_2000, 0x1_4000), (0x8_0000, 0x8_1000)] {
            assert!(!is_inside(&request, run(start, end)), "{start:#x} to {end:#x}");
        }
        let top = Written { at: 0x1_0000, size: u64::MAX, limit: 9, after: After::Keep };
        assert!(is_inside(&top, run(0x1_0000, 0x2_0000)));
    }

    #[test]
    fn no_call_is_answered_with_more_frames_than_it_names() {
        let frames = [1, 2, 3];
        for (call, most_frames, words) in [
            (FrameCall::Allocate { count: 7, node: None }, 7, 0),
            (FrameCall::Allocate { count: u64::MAX, node: None }, ANSWER, 0),
            (FrameCall::Free(&frames), 3, 3),
            (FrameCall::Map { at: 0x1_0000, frames: &frames }, 0, 3),
            (FrameCall::Unmap { at: 0x1_0000, count: 3 }, 0, 0),
            (FrameCall::Scatter(&[(0x1_0000, Some(u64::MAX)), (0x2_0000, None)]), 0, 4),
        ] {
            let (request, list) = split(call);
            assert_eq!((most(&request), list.len()), (most_frames, words), "{call:?}");
        }
    }
}
