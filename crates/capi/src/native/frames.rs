//! Frames of physical memory.

use rust::{FrameCall, Memory};

use super::code::Code;
use super::handle::Handle;
use super::pointer::{In, Out};
use super::report::{Refusal, Report, answer};

/// No wish which node.
const ANY_NODE: u32 = u32::MAX;

#[unsafe(no_mangle)]
extern "C" fn pw_frames_take(
    process: Handle,
    node: u32,
    frames: Out<u64>,
    count: Out<usize>,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let wanted = count.get("count")?;
        let frames = if wanted == 0 { frames } else { frames.needed("frames")? };
        let node = match node {
            ANY_NODE => None,
            node => Some(u16::try_from(node).map_err(|_| {
                let sentence = format!("there is no NUMA node {node}; give one that the machine has");
                Refusal::Argument(Code::ERR_NO_NODE, sentence)
            })?),
        };
        let taken = process.process()?.frames(FrameCall::Allocate { count: wanted as u64, node })?;
        frames.put_all(&taken[..taken.len().min(wanted)]);
        count.put(taken.len());
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_frames_give(process: Handle, frames: In<u64>, count: usize, error: Out<Report>) -> Code {
    answer(error, || {
        let frames = frames.get_all(count, "frames")?;
        process.process()?.frames(FrameCall::Free(&frames))?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_frames_map(
    process: Handle,
    at: u64,
    frames: In<u64>,
    count: usize,
    error: Out<Report>,
) -> Code {
    answer(error, || {
        let frames = frames.get_all(count, "frames")?;
        process.process()?.frames(FrameCall::Map { at, frames: &frames })?;
        Ok(())
    })
}

#[unsafe(no_mangle)]
extern "C" fn pw_frames_unmap(process: Handle, at: u64, count: u64, error: Out<Report>) -> Code {
    answer(error, || {
        process.process()?.frames(FrameCall::Unmap { at, count })?;
        Ok(())
    })
}
