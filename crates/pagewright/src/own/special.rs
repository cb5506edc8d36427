//! Watched, yielded and physical memory of this process.

use pagewright_core::{FrameCall, Mark, PageRange, Recycle, Survival, Verb, Written};

use super::perform;
use crate::error::Result;

pub(crate) fn written(request: &Written) -> Result<Vec<PageRange>> {
    perform(Verb::Watch, |space, machine| space.written(machine, request))
}

pub(crate) fn mark(request: &Mark) -> Result<()> {
    perform(Verb::Watch, |space, machine| space.mark(machine, request))
}

pub(crate) fn recycle(request: &Recycle) -> Result<Survival> {
    perform(Verb::Recycle, |space, machine| space.recycle(machine, request))
}

pub(crate) fn frames(call: FrameCall<'_>) -> Result<Vec<u64>> {
    perform(Verb::Frames, |space, machine| space.frames(machine, call))
}
