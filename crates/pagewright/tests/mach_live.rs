//! The Mach calls on programs that live their own life: rows T, and what two tasks do to each
//! other.

mod live;
mod mach_support;

use std::process::Command;

use live::guest::{Guest, compiled};
use live::kernel::mappings;
use live::wait_until;
use mach_support::{
    ADDR, ANY, ARG, FAIL, L, NAME, NONE, On, P, PROT, R, RW, SENDDEST, SHARE, Sleeper, Wish, arena, here, me,
    open, pattern, release,
};
use pagewright::mach::{mach_host_self, mach_port_deallocate, mach_task_self, pid_for_task, task_for_pid};
use pagewright::{Leftovers, Process};

/// Loads and stores bytes when told to, and counts in a thread of its own.
const SOURCE: &str = r#"
#include <pthread.h>
#include <stdio.h>
static char data[8192] = "static data";
static volatile unsigned long *counter;
static void *count(void *_) {
    for (unsigned long n = 1;; n++) for (int i = 0; i < 16; i++) counter[i * 512] = n;
}
int main(void) {
    char word[8]; unsigned long at; unsigned value;
    printf("%lx\n", (unsigned long)data); fflush(stdout);
    while (scanf("%7s %lx %x", word, &at, &value) == 3) {
        if (word[0] == 'g') printf("%x\n", *(volatile unsigned char *)at);
        if (word[0] == 'p') { *(volatile unsigned char *)at = value; printf("put\n"); }
        if (word[0] == 'c') { pthread_t t; counter = (void *)at; pthread_create(&t, 0, count, 0); printf("counts\n"); }
        fflush(stdout);
    }
    return 0;
}
"#;

/// A program that loads and stores on demand.
struct Speaker {
    guest: Guest,
    on: On,
    /// Its static data.
    data: u64,
}

impl Speaker {
    fn start(command: &mut Command) -> Self {
        let mut guest = Guest::start(command);
        let data = u64::from_str_radix(&guest.hear(), 16).expect("an address");
        let on = On { task: open(guest.pid()).expect("ours"), process: guest.process() };
        Self { guest, on, data }
    }

    fn get(&mut self, at: u64) -> u8 {
        self.guest.tell(&format!("g {at:x} 0"));
        u8::from_str_radix(&self.guest.hear(), 16).expect("a byte")
    }

    fn put(&mut self, at: u64, value: u8) {
        self.guest.tell(&format!("p {at:x} {value:x}"));
        assert_eq!(self.guest.hear(), "put");
    }

    fn counts(&mut self, at: u64) {
        self.guest.tell(&format!("c {at:x} 0"));
        assert_eq!(self.guest.hear(), "counts");
    }

    /// It ends well after all that.
    fn ends(self) {
        assert_eq!(release(self.on.task), Ok(()));
        let end = self.guest.finish();
        assert_eq!(end.code, Some(0), "{}", end.text);
    }
}

/// Runs a test with that many such programs, if there is a compiler.
fn with_speakers(name: &str, count: usize, test: impl FnOnce(&On, Vec<Speaker>)) {
    let Some(program) = compiled(name, SOURCE, &[]) else { return };
    here(|on| test(on, (0..count).map(|_| Speaker::start(&mut program.command())).collect()));
}

fn named(task: u32) -> On {
    On { task, process: Process::current() }
}

fn host() -> u32 {
    // SAFETY: no conditions.
    unsafe { mach_host_self() }
}

/// Every call on a task, and the code that it gives.
fn every_call(on: &On, at: u64) -> Vec<(&'static str, Result<(), i32>)> {
    let other = me();
    vec![
        ("allocate", on.allocate(0, P, ANY).map(drop)),
        ("deallocate", on.deallocate(at, P)),
        ("protect", on.protect(at, P, R)),
        ("inherit", on.inherit(at, P, SHARE)),
        ("copy", on.copy(at, P, at)),
        ("read", on.read(at, P).map(drop)),
        ("read_overwrite", on.read_overwrite(at, P, at).map(drop)),
        ("write", on.write(at, at, 8)),
        ("region", on.region(0).map(drop)),
        ("map", on.map(Wish::new(P)).map(drop)),
        ("remap", on.remap_from(&other, at, false, Wish::new(P)).map(drop)),
        ("behavior_set", on.behave(at, P, 1)),
        ("machine_attribute", on.attribute(at, P, 1, 9)),
    ]
}

#[test]
fn t1_no_task_is_no_destination_for_any_call() {
    here(|on| {
        let at = on.fresh(P);
        for nobody in [0, u32::MAX, 0x1_2345, 0x9_9903] {
            for (name, answer) in every_call(&named(nobody), at) {
                assert_eq!(answer, Err(SENDDEST), "{name} of {nobody:#x}");
            }
            assert_eq!(named(nobody).deallocate(at, 0), Err(SENDDEST), "also for no bytes");
        }
        on.free(at, P);
    });
}

#[test]
fn t2_a_task_that_ended_is_no_destination_for_any_call() {
    here(|on| {
        let at = on.fresh(P);
        let mut sleeper = Sleeper::new();
        let opened = sleeper.task();
        assert!(opened.on.allocate(0, P, ANY).is_ok());
        sleeper.end();
        for (name, answer) in every_call(&opened.on, at) {
            assert_eq!(answer, Err(SENDDEST), "{name} of a zombie");
        }
        sleeper.reap();
        for (name, answer) in every_call(&opened.on, at) {
            assert_eq!(answer, Err(SENDDEST), "{name} of nobody");
        }
        assert_eq!(on.remap_from(&opened.on, at, false, Wish::new(P)), Err(ARG), "M1: as a source");
        on.free(at, P);
    });
}

#[test]
fn t3_something_else_is_an_argument_for_every_call() {
    here(|on| {
        let at = on.fresh(P);
        for (name, answer) in every_call(&named(host()), at) {
            assert_eq!(answer, Err(ARG), "{name} of the host");
        }
        on.free(at, P);
    });
}

#[test]
fn t9_the_own_task_by_its_number_is_the_own_task() {
    let own = open(std::process::id()).expect("ours");
    // SAFETY: no conditions.
    assert_eq!(own, unsafe { mach_task_self() });
    assert_eq!(release(own), Ok(()));
    assert_eq!(release(own), Ok(()), "as often as one likes");
}

#[test]
fn tasks_have_one_name_each_that_counts() {
    let sleeper = Sleeper::new();
    let name = open(sleeper.pid()).expect("ours");
    assert_eq!(open(sleeper.pid()), Ok(name));
    let mut pid = 0;
    // SAFETY: a pointer to a local.
    assert_eq!(unsafe { pid_for_task(name, &raw mut pid) }, 0);
    assert_eq!(pid.cast_unsigned(), sleeper.pid());
    assert_eq!((release(name), release(name)), (Ok(()), Ok(())));
    assert_eq!(release(name), Err(NAME));
    assert_ne!(open(sleeper.pid()), Ok(name), "a name that was let go does not soon mean something else");
}

#[test]
fn what_cannot_be_opened_is_a_failure() {
    let mut sleeper = Sleeper::new();
    let pid = sleeper.pid();
    sleeper.end();
    assert_eq!(open(pid), Err(FAIL), "a zombie");
    sleeper.reap();
    assert_eq!(open(pid), Err(FAIL), "nobody");
    assert_eq!(open(u32::MAX), Err(FAIL), "no number of a process");
    if std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd") {
        assert_eq!(open(2), Err(FAIL), "a thread of the kernel");
    }
    let mut task = 77;
    // SAFETY: a pointer to a local.
    assert_eq!(unsafe { task_for_pid(0, 1, &raw mut task) }, ARG, "asked by nobody");
    assert_eq!(task, 77);
}

#[test]
fn names_are_let_go_in_the_own_task_only() {
    let sleeper = Sleeper::new();
    let opened = sleeper.task();
    let release = |task, name| {
        // SAFETY: no conditions.
        unsafe { mach_port_deallocate(task, name) }
    };
    assert_eq!(release(0, opened.on.task), SENDDEST);
    assert_eq!(release(host(), opened.on.task), mach_support::TASK);
    assert_eq!(release(opened.on.task, opened.on.task), NAME);
    assert_eq!(release(me().task, 0), NAME);
    assert_eq!(release(me().task, host()), 0);
}

#[test]
fn what_is_made_in_a_program_is_its_own_memory() {
    with_speakers("what_is_made_in_a_program_is_its_own_memory", 1, |here, mut speakers| {
        let mut one = speakers.remove(0);
        let at = one.on.fresh(L);
        assert_eq!(one.get(at), 0);
        one.put(at + 5, 0x42);
        let (data, count) = one.on.read(at, 16).expect("it can be read");
        assert_eq!(count, 16);
        here.reads(data + 5, &[0x42]);
        here.store(data, b"written from here");
        assert_eq!(one.on.write(at + P, data, 16), Ok(()));
        assert_eq!((one.get(at + P), one.get(at + P + 15)), (b'w', b'r'));
        here.free(data, 16);
        one.on.free(at, L);
        one.ends();
    });
}

#[test]
fn static_data_of_a_program_can_be_read_written_and_copied() {
    with_speakers("static_data_of_a_program", 1, |here, mut speakers| {
        let mut one = speakers.remove(0);
        let (data, _) = one.on.read(one.data, 11).expect("it can be read");
        here.reads(data, b"static data");
        here.store(data, b"S");
        assert_eq!(one.on.write(one.data, data, 1), Ok(()));
        let at = one.data;
        assert_eq!(one.get(at), b'S');
        let made = one.on.fresh(P);
        assert_eq!(one.on.copy(at, 11, made), Ok(()));
        assert_eq!((one.get(made), one.get(made + 10)), (b'S', b'a'));
        assert_eq!(one.on.deallocate(at, 1), Err(ADDR), "but never taken away");
        here.free(data, 11);
        one.on.free(made, P);
        one.ends();
    });
}

#[test]
fn a_lazy_copy_in_a_program_is_independent() {
    with_speakers("a_lazy_copy_in_a_program_is_independent", 1, |_, mut speakers| {
        let mut one = speakers.remove(0);
        let size = 1 << 20;
        let (a, b) = (one.on.fresh(size), one.on.fresh(size));
        let bytes = one.on.fill(a, size, 1);
        assert_eq!(one.on.copy(a, size, b), Ok(()));
        one.put(a, 0xaa);
        one.put(b + P, 0xbb);
        assert_eq!((one.get(b), one.get(a + P)), (bytes[0], bytes[P as usize]));
        assert_eq!((one.get(a), one.get(b + P)), (0xaa, 0xbb));
        one.on.reads(b + 2 * P, &bytes[2 * P as usize..]);
        one.on.free(a, size);
        assert_eq!(one.get(b + size - 1), bytes[size as usize - 1]);
        one.on.free(b, size);
        one.ends();
    });
}

#[test]
fn a_copy_under_a_running_writer_is_consistent_in_each_page() {
    with_speakers("a_copy_under_a_running_writer", 1, |_, mut speakers| {
        let mut one = speakers.remove(0);
        let (source, dest) = (one.on.fresh(L), one.on.fresh(L));
        one.counts(source);
        let goes_on = |than: u64| {
            let count = || u64::from_le_bytes(one.on.bytes(source, 8).try_into().expect("8 bytes"));
            wait_until("it counts on", || count() > than);
        };
        goes_on(0);
        let mut last = 0;
        for _ in 0..20 {
            assert_eq!(one.on.copy(source, L, dest), Ok(()));
            let copied = one.on.bytes(dest, L);
            let counts: Vec<u64> = (0..16)
                .map(|page| u64::from_le_bytes(copied[page * 4096..][..8].try_into().expect("8 bytes")))
                .collect();
            let (low, high) = (counts.iter().min().copied(), counts.iter().max().copied());
            assert!(low >= Some(last), "a count went back: {counts:?}");
            last = low.unwrap_or(0).min(high.unwrap_or(0));
            assert_eq!(one.on.bytes(dest, L), copied, "and nobody writes to the copy");
        }
        goes_on(last);
        one.ends();
    });
}

#[test]
fn two_programs_share_memory_and_each_outlives_the_other() {
    with_speakers("two_programs_share_memory", 2, |_, mut speakers| {
        let (mut two, mut one) = (speakers.remove(1), speakers.remove(0));
        let at = one.on.fresh(L);
        one.put(at, 1);
        let view = two.on.remap_from(&one.on, at, false, Wish::new(L)).expect("there is room").at;
        assert_eq!(two.get(view), 1);
        two.put(view + P, 2);
        assert_eq!(one.get(at + P), 2);
        one.put(at + 2 * P, 3);
        assert_eq!(two.get(view + 2 * P), 3);
        let copy = two.on.remap_from(&one.on, at, true, Wish::new(L)).expect("there is room").at;
        one.put(at, 9);
        assert_eq!((two.get(view), two.get(copy)), (9, 1));
        one.ends();
        assert_eq!((two.get(view), two.get(view + P)), (9, 2));
        two.put(view, 7);
        two.on.free(view, L);
        two.on.free(copy, L);
        two.ends();
    });
}

#[test]
fn an_entry_reaches_from_this_process_into_two_others() {
    use pagewright::mach::{MAP_MEM_NAMED_CREATE, mach_make_memory_entry_64};
    with_speakers("an_entry_reaches_into_two_others", 2, |here, mut speakers| {
        let (mut two, mut one) = (speakers.remove(1), speakers.remove(0));
        let (mut size, mut name) = (L, 0);
        let words = (&raw mut size, &raw mut name);
        // SAFETY: pointers to locals.
        let code = unsafe {
            mach_make_memory_entry_64(here.task, words.0, 0, RW | MAP_MEM_NAMED_CREATE, words.1, 0)
        };
        assert_eq!(code, 0);
        let wish = Wish { max: RW, ..Wish::new(L).of(name) };
        let a = one.on.map(wish).expect("there is room");
        let b = two.on.map(wish).expect("there is room");
        let c = here.map(wish).expect("there is room");
        let copy = two.on.map(Wish { copy: true, ..wish }).expect("there is room");
        assert_eq!(release(name), Ok(()));
        one.put(a + 3, 0x33);
        assert_eq!(two.get(b + 3), 0x33);
        here.reads(c + 3, &[0x33]);
        assert_eq!(two.get(copy + 3), 0, "a copy of what was there then");
        here.free(c, L);
        one.ends();
        assert_eq!(two.get(b + 3), 0x33);
        two.ends();
    });
}

#[test]
fn a_program_that_meets_forbidden_memory_gets_what_linux_gives() {
    with_speakers("a_program_that_meets_forbidden_memory", 1, |_, mut speakers| {
        let mut one = speakers.remove(0);
        let at = one.on.fresh(P);
        one.put(at, 1);
        assert_eq!(one.on.protect(at, P, NONE), Ok(()));
        one.guest.tell(&format!("g {at:x} 0"));
        let task = one.on.task;
        let end = one.guest.finish();
        assert_eq!(end.code, None, "by a signal");
        assert_eq!(named(task).region(0), Err(SENDDEST), "and its task is dead");
        assert_eq!(release(task), Ok(()));
    });
}

#[test]
fn a_walk_over_a_program_is_what_the_kernel_says() {
    with_speakers("a_walk_over_a_program", 1, |_, mut speakers| {
        let one = speakers.remove(0);
        let made = one.on.fresh(L);
        let mut walked = Vec::new();
        let mut at = 0;
        while let Ok(region) = one.on.region(at) {
            at = region.base + region.size;
            walked.push((region.base, at));
        }
        let covered = |start: u64, end: u64| {
            let inside = walked.iter().map(|(low, high)| end.min(*high).saturating_sub(start.max(*low)));
            inside.sum::<u64>()
        };
        for mapping in mappings(one.guest.pid()).iter().filter(|mapping| mapping.end <= mach_support::TOP) {
            // What the resident reserves for itself has no memory, which Mach does not know.
            if mapping.perms != "---p" {
                assert_eq!(covered(mapping.start, mapping.end), mapping.end - mapping.start, "{mapping:x?}");
            }
        }
        assert_eq!(covered(made, made + L), L);
        one.on.free(made, L);
        one.ends();
    });
}

#[test]
fn asking_and_reading_place_nothing_in_a_program() {
    let sleeper = Sleeper::new();
    let opened = sleeper.task();
    let region = opened.on.region(0).expect("it has memory");
    here(|on| {
        let (data, _) = opened.on.read(region.base, 4).expect("its program can be read");
        on.reads(data, b"\x7fELF");
        on.free(data, 4);
    });
    assert!(!opened.on.process.status().expect("it lives").attached);
}

#[test]
fn another_caller_finds_the_same_task() {
    let sleeper = Sleeper::new();
    let opened = sleeper.task();
    let at = opened.on.fresh_at(arena(), L);
    assert_eq!(opened.on.protect(at, P, R), Ok(()));
    // By another handle, as another program would.
    let again = Process::open(sleeper.pid()).expect("it lives");
    assert_eq!(again.status().expect("it lives").regions, 1);
    assert_eq!(opened.on.at(at).cur, R);
    again.detach(Leftovers::Release).expect("it lives");
    assert!(opened.on.is_hole(at), "what was released is gone for everybody");
}

#[test]
fn write_and_protect_a_program_that_runs() {
    with_speakers("write_and_protect_a_program_that_runs", 1, |here, mut speakers| {
        let mut one = speakers.remove(0);
        let at = one.on.fresh(2 * L);
        one.counts(at);
        let data = here.fresh(L);
        here.fill(data, L, 5);
        for _ in 0..10 {
            assert_eq!(one.on.write(at + L, data, L as u32), Ok(()));
            assert_eq!(one.on.protect(at + L, L, R), Ok(()));
            assert_eq!(one.on.write(at + L, data, L as u32), Err(PROT));
            assert_eq!(one.on.protect(at + L, L, RW), Ok(()));
        }
        one.on.reads(at + L, &pattern(L, 5));
        here.free(data, L);
        one.ends();
    });
}
