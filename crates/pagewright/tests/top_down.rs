//! The highest place there is, worked out from what the kernel lists, for a process and its allocations.

mod live;
mod special;

use pagewright::{Allocate, Geometry, Order, PageKind, Process, Traits, Window};

use live::guest::Guest;
use special::{PAGE, allocate, put, release};

const GRANULE: u64 = 0x1_0000;
const MIB: u64 = 1 << 20;

/// Every mapping, ascending, with the room that heap and stack keep to grow.
fn taken(pid: u32) -> Vec<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("it lives");
    let entry = |line: &str| {
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let end = u64::from_str_radix(end, 16).ok()?;
        Some(match line.split(' ').next_back()? {
            "[stack]" => (start.min(end - stack_room(pid)), end),
            "[heap]" => (start, end + 256 * MIB),
            _ => (start, end),
        })
    };
    text.lines().filter_map(entry).collect()
}

/// What a stack may grow to, and the gap that the kernel keeps below it.
fn stack_room(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("it lives");
    let line = text.lines().find_map(|line| line.strip_prefix("Max stack size")).expect("a limit");
    let limit = line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(8 * MIB);
    limit.min(128 * MIB) + MIB
}

/// The highest base, a multiple of `unit`, of `size` bytes that nothing uses and that end at or below `top`.
fn highest(taken: &[(u64, u64)], size: u64, unit: u64, top: u64) -> u64 {
    let mut base = (top - size) / unit * unit;
    for (start, end) in taken.iter().rev() {
        if *start < base + size && base < *end {
            base = (start - size) / unit * unit;
        }
    }
    base
}

fn downwards(process: &Process) {
    let top = Geometry::X86_64.user_end();
    let pid = process.pid();
    let mut made = Vec::new();
    // The last are larger than anything that is free above the stack.
    for size in [GRANULE, 3 * PAGE, GRANULE, 5 * MIB, GRANULE, 1 << 40, 1 << 41, GRANULE] {
        let expected = highest(&taken(pid), size, GRANULE, top);
        let base = allocate(process, Allocate::new(size).reserve().top_down());
        assert_eq!(base, expected, "{size:#x} bytes fit at {expected:#x}, not at {base:#x}");
        made.push(base);
    }
    // What is given back is found again, though others are lower by now.
    let first = made.remove(0);
    release(process, first);
    let again = allocate(process, Allocate::new(GRANULE).top_down());
    assert_eq!(again, first);
    put(process, again, b"usable");
    made.push(again);
    let large = Traits { pages: PageKind::Joined, ..Traits::PLAIN };
    let expected = highest(&taken(pid), GRANULE, 2 * MIB, top);
    let base = allocate(process, Allocate::new(GRANULE).of(large).top_down());
    assert_eq!(base, expected);
    made.push(base);
    let limit = Window { highest: (1 << 32) - 1, order: Order::TopDown, ..Window::ANYWHERE };
    let expected = highest(&taken(pid), MIB, GRANULE, 1 << 32);
    let base = allocate(process, Allocate::new(MIB).reserve().within(limit));
    assert_eq!(base, expected);
    made.push(base);
    made.into_iter().for_each(|base| release(process, base));
}

// Rows: VA43
#[test]
fn the_own_process_is_filled_from_the_top() {
    downwards(&Process::current());
}

// Rows: VA43
#[test]
fn another_process_is_filled_from_the_top() {
    let guest = Guest::sleeper("100");
    downwards(&guest.process());
}
