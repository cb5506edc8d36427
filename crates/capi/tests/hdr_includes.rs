//! The Win32 headers can be included: alone, in any order, twice, beside others, in C and C++.

mod hdr_support;
mod support;

use std::fs;

use hdr_support::{Snippet, declared, dialects, headers, spellings};
use support::{Compiler, Language, root};

#[test]
fn each_header_stands_alone() {
    let dialects = dialects("each_header_stands_alone");
    for header in headers() {
        for (language, compiler) in &dialects {
            Snippet::including([header.as_str(), header.as_str()]).check(*language, *compiler, &[]);
        }
    }
}

#[test]
fn any_order_will_do() {
    let headers = headers();
    let up: Vec<_> = headers.iter().map(String::as_str).collect();
    let down: Vec<_> = up.iter().rev().copied().collect();
    // A shuffle that is the same each time: steps of 7 go through all of them unless 7 divides their number.
    let step = if up.len() % 7 == 0 { 5 } else { 7 };
    let mixed: Vec<_> = (0..up.len()).map(|index| up[index * step % up.len()]).collect();
    for (language, compiler) in dialects("any_order_will_do") {
        for order in [&up, &down, &mixed] {
            Snippet::including(order.iter().copied()).check(language, compiler, &[]);
        }
    }
}

/// Also with `ntstatus.h` after `windows.h`, in both ways that sources know.
#[test]
fn statuses_come_in_either_way() {
    for (language, compiler) in dialects("statuses_come_in_either_way") {
        let check = "int holds[STATUS_SUCCESS == 0 && STATUS_NOT_LOCKED < 0 ? 1 : -1];\n";
        for before in [
            "#include <windows.h>\n",
            "#define WIN32_NO_STATUS\n#include <windows.h>\n#undef WIN32_NO_STATUS\n",
        ] {
            let text = format!("{before}#include <ntstatus.h>\n#include <winternl.h>\n{check}");
            Snippet::new(&text).check(language, compiler, &[]);
        }
    }
}

#[test]
fn other_headers_do_not_mind() {
    let linux =
        ["stdio.h", "stdlib.h", "string.h", "sys/mman.h", "signal.h", "pthread.h", "unistd.h", "math.h"];
    let ours = ["windows.h", "winternl.h", "psapi.h"];
    let others: Vec<_> = ["pkfuncs.h", "mach/mach.h"]
        .into_iter()
        .filter(|name| hdr_support::folder().join(name).exists())
        .collect();
    for (language, compiler) in dialects("other_headers_do_not_mind") {
        for parts in [[&ours[..], &others, &linux], [&linux, &others, &ours], [&others, &ours, &linux]] {
            Snippet::including(parts.concat()).check(language, compiler, &[]);
        }
    }
}

/// None of our macros is a word of the C++ library.
#[test]
fn the_library_of_cpp_does_not_mind() {
    let cpp = [
        "algorithm",
        "atomic",
        "chrono",
        "codecvt",
        "filesystem",
        "fstream",
        "functional",
        "iostream",
        "limits",
        "locale",
        "map",
        "memory",
        "mutex",
        "numeric",
        "random",
        "regex",
        "sstream",
        "string",
        "thread",
        "vector",
    ];
    let all: Vec<_> = ["windows.h", "winternl.h", "psapi.h", "sal.h"].into_iter().chain(cpp).collect();
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        if compiler.is_there(Language::Cpp17, "the_library_of_cpp_does_not_mind") {
            Snippet::including(all.iter().copied()).check(Language::Cpp17, compiler, &[]);
            Snippet::including(all.iter().copied()).check(Language::Cpp17, compiler, &["-std=c++20"]);
            Snippet::including(all.iter().copied()).check(Language::Cpp17, compiler, &["-DUNICODE"]);
        }
    }
}

/// Old sources put `extern "C"` around everything; and the library's own `max` is not in the way of ours.
#[test]
fn sources_of_cpp_have_their_ways() {
    let text = "extern \"C\" {\n#include <windows.h>\n#include <winternl.h>\n#include <psapi.h>\n}\n\
                #include <algorithm>\n#include <limits>\nusing namespace std;\n\
                DWORD narrow = 3;\nSIZE_T wide = 4;\nunsigned long plain = 1;\n\
                SIZE_T a() { return max(narrow, wide) + max(wide, wide) + std::min(wide, wide); }\n\
                int b() { return numeric_limits<int>::max() - min(1, 2); }\n\
                void c() { InterlockedIncrement(&narrow); InterlockedIncrement64(&plain); }\n";
    let plain = "#define NOMINMAX\n#include <windows.h>\nint max(int a) { return a; }\nint min = max(1);\n";
    for compiler in [Compiler::Gcc, Compiler::Clang] {
        if compiler.is_there(Language::Cpp17, "sources_of_cpp_have_their_ways") {
            Snippet::new(text).check(Language::Cpp17, compiler, &[]);
            Snippet::new(plain).check(Language::Cpp17, compiler, &[]);
        }
    }
}

/// Who declares the types of the Nt layer is spared ours; unnamed members get names on demand.
#[test]
fn sources_can_ask_for_less() {
    let own = "#define PAGEWRIGHT_PLAIN_WINTERNL\n#include <windows.h>\n#include <winternl.h>\n\
               typedef enum _SECTION_INHERIT { ViewShare = 1, ViewUnmap = 2 } SECTION_INHERIT;\n\
               typedef enum _MEMORY_INFORMATION_CLASS { MemoryBasicInformation } MEMORY_INFORMATION_CLASS;\n\
               UNICODE_STRING name;\nCLIENT_ID id;\n";
    let named = "#define NONAMELESSUNION\n#include <windows.h>\n\
                 WORD machine(SYSTEM_INFO *info) { return info->u.s.wProcessorArchitecture; }\n\
                 DWORD low(LARGE_INTEGER *number) { return number->u.LowPart; }\n";
    for (language, compiler) in dialects("sources_can_ask_for_less") {
        Snippet::new(own).check(language, compiler, &[]);
        Snippet::new(named).check(language, compiler, &[]);
    }
}

/// `WCHAR` is a character of 16 bits in every mode, and `TEXT` makes texts of the `TCHAR` that is asked for.
#[test]
fn texts_have_the_characters_that_are_asked_for() {
    let narrow = "#include <windows.h>\n#include <tchar.h>\nconst TCHAR *a = TEXT(\"a\"), *b = _T(\"b\");\n\
                  int wide[sizeof(WCHAR) == 2 && sizeof(TCHAR) == 1 ? 1 : -1];\n";
    let wide = "#include <windows.h>\n#include <tchar.h>\nconst TCHAR *a = TEXT(\"a\"), *b = _T(\"b\");\n\
                LPCWSTR c = TEXT(\"c\");\nint wide[sizeof(TCHAR) == 2 && sizeof(*a) == 2 ? 1 : -1];\n";
    for (language, compiler) in dialects("texts_have_the_characters_that_are_asked_for") {
        Snippet::new(narrow).check(language, compiler, &[]);
        Snippet::new(wide).check(language, compiler, &["-DUNICODE", "-D_UNICODE", "-fshort-wchar"]);
        if language != Language::C99 {
            Snippet::new(wide).check(language, compiler, &["-D_UNICODE"]);
        }
    }
}

/// Sources that spell a header's name otherwise reach the same one.
#[test]
fn other_spellings_reach_the_header() {
    let mut lines = String::new();
    for name in spellings() {
        let lower = name.to_lowercase();
        let text = fs::read_to_string(hdr_support::folder().join(&name)).expect("a header");
        assert!(hdr_support::folder().join(&lower).exists(), "{name} has no header {lower}");
        assert!(text.contains(&format!("#include \"{lower}\"")), "{name} does not include {lower}");
        lines += &format!("#include <{name}>\n");
    }
    Snippet::new(&(lines + "LPVOID something;\n")).check(Language::C11, Compiler::Default, &[]);
}

/// Who declares what does not exist makes promises to the compiler that the linker breaks.
#[test]
fn every_declared_function_is_exported() {
    let text = fs::read_to_string(root().join("crates/capi/symbols.txt")).expect("the list of symbols");
    let missing: Vec<_> =
        declared().into_iter().filter(|name| !text.lines().any(|line| line == name.as_str())).collect();
    assert!(declared().len() > 70, "few functions were found: {:?}", declared());
    assert!(missing.is_empty(), "declared, but not in symbols.txt: {missing:?}");
}
