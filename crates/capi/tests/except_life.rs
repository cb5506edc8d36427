//! The life of a process with the C library in it: forks, loading and letting go, before and after
//! `main`, threads of any kind, handlers of signals.

mod support;

use support::{Language, Link, Source};

#[test]
fn a_forked_child_has_a_map_of_its_own() {
    Source::test("except_fork.c").build().run();
}

#[test]
fn loaded_and_let_go_twice_what_is_in_place_works() {
    support::library();
    Source::test("except_dlopen.c").link(Link::Nothing).build().run();
}

#[test]
fn constructors_destructors_and_threads_of_any_kind_may_call() {
    for (link, language) in [(Link::Shared, Language::C11), (Link::Static, Language::Cpp17)] {
        let said = Source::test("except_load.c").link(link).language(language).build().run();
        assert_eq!(said, "exit\nend\n");
    }
}

#[test]
fn handlers_of_signals_may_query() {
    Source::test("except_signals.c").build().run();
}

/// Of a library that was loaded late, too.
#[test]
fn what_handlers_of_signals_may_call_takes_no_memory() {
    support::library();
    Source::test("except_lazy.c").link(Link::Nothing).build().run();
}
