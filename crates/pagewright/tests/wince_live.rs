//! The aliasing calls on real programs that use the memory meanwhile.

mod live;
mod wince_support;

use pagewright::win32::{MEM_FREE, PAGE_READONLY, PAGE_READWRITE};
use pagewright::wince::{ForeignSources, allow_foreign_sources, last_receipt};

use live::guest::{Guest, python};
use wince_support::{HERE, On, PAGE, alloc_copy, alone, copy_ex, is_alone, kernel, passes, see_each_other};

const RW: u32 = PAGE_READWRITE;
/// How often a program adds one.
const ROUNDS: u64 = 100_000;

/// Asked for an address, adds one to the word there again and again, and says what it is
/// in the end. Then it waits.
const COUNTER: &str = r"
import sys, ctypes
word = ctypes.c_uint64.from_address(int(sys.stdin.readline(), 16))
print('counting', flush=True)
for _ in range(100000): word.value += 1
print(word.value, flush=True)
sys.stdin.readline()
";

/// Keeps some bytes of its own, says where, and says what they are when asked.
const KEEPER: &str = r"
import sys, ctypes
kept = ctypes.create_string_buffer(b'kept by python', 1 << 20)
print(hex(ctypes.addressof(kept)), flush=True)
at = int(sys.stdin.readline())
print(kept.raw[at:at + 4].decode('ascii'), flush=True)
sys.stdin.readline()
";

fn start(name: &str, script: &str) -> Option<(Guest, On)> {
    let guest = Guest::start(&mut python(name, script)?);
    let on = On::id(guest.pid());
    Some((guest, on))
}

/// Has a program count at an address.
fn count_at(guest: &mut Guest, at: usize) {
    guest.tell(&format!("{at:x}"));
    assert_eq!(guest.hear(), "counting");
}

fn word(on: On, at: usize) -> u64 {
    u64::from_le_bytes(on.read(at))
}

#[test]
fn a_program_that_writes_meanwhile_loses_no_store() {
    let Some((mut guest, there)) = start("a_program_that_writes_meanwhile_loses_no_store", COUNTER) else {
        return;
    };
    let _mode = kernel();
    let source = there.memory(8 * PAGE);
    count_at(&mut guest, source + 3 * PAGE);
    let mut last = 0;
    for page in 0..8 {
        // Some of these move its page into an object, some show what is in one already.
        let view = alloc_copy((there, source + page * PAGE), HERE, (8 - page) * PAGE, RW).expect("it lives");
        if page <= 3 {
            let now = word(HERE, view + (3 - page) * PAGE);
            assert!(now >= last, "{now} after {last}");
            last = now;
        }
        HERE.release(view);
    }
    let view = alloc_copy((there, source), HERE, 8 * PAGE, PAGE_READONLY).expect("it lives");
    assert_eq!(guest.hear(), ROUNDS.to_string(), "by its own account");
    assert_eq!(word(HERE, view + 3 * PAGE), ROUNDS);
    HERE.release(view);
    assert_eq!(guest.finish().code, Some(0));
}

#[test]
fn two_programs_count_in_one_page() {
    let name = "two_programs_count_in_one_page";
    let (Some((mut first, a)), Some((mut second, b))) = (start(name, COUNTER), start(name, COUNTER)) else {
        return;
    };
    let _mode = kernel();
    let source = a.memory(PAGE);
    count_at(&mut first, source);
    let target = b.reserved(4 * PAGE);
    assert_eq!(copy_ex((b, target + 2 * PAGE), (a, source), PAGE, RW), Ok(()));
    count_at(&mut second, target + 2 * PAGE + 8);
    let view = HERE.reserved(PAGE);
    assert_eq!(copy_ex((HERE, view), (b, target + 2 * PAGE), PAGE, RW), Ok(()), "an alias of the alias");
    assert_eq!((first.hear(), second.hear()), (ROUNDS.to_string(), ROUNDS.to_string()));
    for (on, at) in [(a, source), (b, target + 2 * PAGE), (HERE, view)] {
        assert_eq!((word(on, at), word(on, at + 8)), (ROUNDS, ROUNDS), "{on:?}");
    }
    assert_eq!(first.finish().code, Some(0), "the source ends");
    see_each_other((HERE, view), (b, target + 2 * PAGE));
    assert_eq!(second.finish().code, Some(0));
    assert_eq!(word(HERE, view + 8), ROUNDS, "the last one keeps the bytes");
    HERE.release(view);
}

#[test]
fn a_buffer_is_handed_to_a_program_and_taken_back() {
    let Some((guest, there)) = start("a_buffer_is_handed_to_a_program_and_taken_back", COUNTER) else {
        return;
    };
    let _mode = kernel();
    let buffer = HERE.memory(16 * PAGE);
    HERE.write(buffer + 100, b"frame");
    for _ in 0..20 {
        let at = alloc_copy((HERE, buffer + 100), there, 5, PAGE_READONLY).expect("it lives");
        assert_eq!(there.read::<5>(at), *b"frame");
        assert_eq!(last_receipt().map(|receipt| receipt.exposed), Some(PAGE as u64 - 5));
        there.release(at & !0xfff);
        assert_eq!(there.state(at).0, MEM_FREE);
    }
    HERE.release(buffer);
    drop(guest);
}

#[test]
fn a_program_s_own_memory_is_a_source_when_the_process_says_so() {
    passes(&mut alone("alone_foreign_memory_of_a_program"));
}

#[test]
#[ignore = "needs a process of its own"]
fn alone_foreign_memory_of_a_program() {
    if !is_alone() {
        return;
    }
    let Some((mut guest, there)) = start("alone_foreign_memory_of_a_program", KEEPER) else { return };
    let _mode = kernel();
    let text = guest.hear();
    let kept = usize::from_str_radix(text.trim_start_matches("0x"), 16).expect("an address");
    assert_eq!(alloc_copy((there, kept), HERE, 14, RW), Err(5), "nobody said so");
    allow_foreign_sources(ForeignSources::Allowed);
    let at = alloc_copy((there, kept), HERE, 14, RW).expect("now it may be");
    assert_eq!(HERE.read::<14>(at), *b"kept by python");
    HERE.write(at + 4, b" and");
    guest.tell("4");
    assert_eq!(guest.hear(), " and", "and it sees what is stored here");
    HERE.release(at & !0xfff);
    assert_eq!(guest.finish().code, Some(0), "it is none the worse");
}
