//! The real command on real programs: words, keys and exit statuses that scripts rely on.

mod common;

use std::path::PathBuf;
use std::process::Stdio;

use common::{blamed, command, fed, json, number, refusal, run, sleeper, stderr, stdout, text};
use serde_json::{Value, json as document};

/// A place for files, removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pagewright-cli-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("it is there");
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("it is ours");
    }
}

const KEYS: [&str; 8] =
    ["base", "size", "state", "type", "protect", "allocation_base", "allocation_protect", "name"];

fn has_keys(region: &Value) {
    let region = region.as_object().expect("an object");
    for key in KEYS {
        assert!(region.contains_key(key), "{key}");
    }
}

#[test]
fn a_life_of_memory() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let made = json(&["alloc", pid, "--size", "100K"]);
    assert_eq!(made["size"], 100 << 10);
    let base = made["base"].as_str().expect("a string");
    assert!(sleeper.maps_line(number(&made["base"])).is_some_and(|line| line.contains("rw-p")));

    assert_eq!(json(&["write", pid, base, "--text", "hello"]), document!({"written": 5}));
    let read = json(&["read", pid, base, "--size", "6"]);
    assert_eq!((&read["data"], &read["size"]), (&document!("68656c6c6f00"), &document!(6)));

    assert_eq!(json(&["protect", pid, base, "--size", "1", "--protect", "r"])["old"], "rw");
    assert!(sleeper.maps_line(number(&made["base"])).is_some_and(|line| line.contains("r--p")));
    assert_eq!(refusal(&["write", pid, base, "--hex", "00"]), (998, "ERROR_NOACCESS".to_owned()));
    let region = json(&["query", pid, base]);
    has_keys(&region);
    let expected = document!({
        "base": base, "size": 4096, "state": "commit", "type": "private", "protect": "r",
        "allocation_base": base, "allocation_protect": "rw", "name": "pagewright",
    });
    assert_eq!(region, expected);

    let decommitted = json(&["free", pid, base, "--size", "4K", "--decommit"]);
    assert_eq!(decommitted, document!({"base": base, "size": 4096}));
    let reserved = json(&["query", pid, base]);
    assert_eq!((&reserved["state"], &reserved["protect"]), (&document!("reserve"), &Value::Null));
    assert_eq!(refusal(&["read", pid, base, "--size", "8"]), (299, "ERROR_PARTIAL_COPY".to_owned()));

    assert_eq!(refusal(&["free", pid, base, "--size", "4K"]), (87, "ERROR_INVALID_PARAMETER".to_owned()));
    assert_eq!(json(&["free", pid, base]), document!({"base": base, "size": 100 << 10}));
    assert_eq!(sleeper.maps_line(number(&made["base"])), None);
    assert_eq!(refusal(&["free", pid, base]).0, 487);
}

#[test]
fn reserve_first_and_commit_later() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let made = json(&["alloc", pid, "--size", "1M", "--reserve", "--protect", "rwx", "--top-down"]);
    let (base, at) = (number(&made["base"]), number(&made["base"]) + 0x5000);
    assert!(sleeper.maps_line(base).is_some_and(|line| line.contains("---p")));
    let at = format!("{at:#x}");
    let committed = json(&["alloc", pid, "--commit", "--at", &at, "--size", "8K", "--protect", "rw+guard"]);
    assert_eq!(committed, document!({"base": at, "size": 8192}));
    let region = json(&["query", pid, &at]);
    assert_eq!(
        (&region["protect"], &region["allocation_protect"]),
        (&document!("rw+guard"), &document!("rwx"))
    );
    assert_eq!(region["allocation_base"], made["base"]);

    let map = json(&["map", pid, "--ours"]);
    let states: Vec<&Value> =
        map["regions"].as_array().expect("a list").iter().map(|r| &r["state"]).collect();
    assert_eq!(states, ["reserve", "commit", "reserve"]);
    assert_eq!(refusal(&["alloc", pid, "--size", "4K", "--at", &at]).0, 487);
}

#[test]
fn memory_of_special_kinds() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    for extra in [&["--joined"][..], &["--node", "0"], &["--joined", "--node", "0", "--top-down"]] {
        let made = json(&[&["alloc", pid, "--size", "4M"], extra].concat());
        assert_eq!(made["size"], 4 << 20, "{extra:?}");
        let base = made["base"].as_str().expect("a string");
        assert_eq!(json(&["query", pid, base])["state"], "commit", "{extra:?}");
        json(&["write", pid, base, "--text", "usable"]);
    }
    let code = |args: &[&str]| blamed(&[&["alloc", pid, "--size", "4M"], args].concat());
    assert_eq!(code(&["--node", "9999"]), (87, "--node".to_owned()));

    for extra in [&["--large"][..], &["--large", "--node", "0"]] {
        let mut denied = command(&[&["alloc", pid, "--size", "4M", "--json"], extra].concat());
        let denied = denied.env("PAGEWRIGHT_LOCK_PAGES", "deny").output().expect("the command starts");
        assert!(stdout(&denied).contains("\"code\":1314"), "{extra:?}: {}", stdout(&denied));
    }
    let (refused, arguments) = code(&["--large", "--reserve"]);
    assert_eq!((refused, arguments.contains("--reserve")), (87, true), "{arguments}");

    let supply = &json(&["doctor"])["supply"];
    let pools = supply["large_pages"].as_array().expect("a list");
    let free = pools
        .iter()
        .find(|pool| pool["page"] == 2 << 20)
        .map_or(0, |pool| pool["free"].as_u64().unwrap_or(0));
    match (supply["may_lock_pages"] == true, free) {
        (false, _) => assert_eq!(code(&["--large"]), (1314, "--large".to_owned())),
        (true, 0) => assert_eq!(code(&["--large"]), (1450, "--large".to_owned())),
        (true, _) => println!("not tested: what happens without large pages; {free} are free"),
    }
}

#[test]
fn near_is_within_reach() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let map = json(&["map", pid]);
    let regions = map["regions"].as_array().expect("a list");
    let code = regions.iter().find(|region| region["protect"] == "rx").expect("a program has code");
    let goal = code["base"].as_str().expect("a string");
    let made = json(&["alloc", pid, "--size", "4K", "--near", goal, "--protect", "rx"]);
    assert!(number(&made["base"]).abs_diff(number(&code["base"])) < 2 << 30);
    assert_eq!(made["size"], 4096);
    let odd = ["alloc", pid, "--size", "4K", "--near", goal, "--protect", "rw+guard+nocache"];
    assert_eq!(refusal(&odd).0, 87);
}

#[test]
fn the_map_shows_ours_and_theirs() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    json(&["alloc", pid, "--size", "64K"]);
    let map = json(&["map", pid]);
    let regions = map["regions"].as_array().expect("a list");
    let mut end = 0;
    for region in regions {
        has_keys(region);
        assert!(["reserve", "commit"].map(Value::from).contains(&region["state"]), "{region}");
        assert!(["private", "mapped", "image"].map(Value::from).contains(&region["type"]), "{region}");
        assert!(number(&region["base"]) >= end, "ascending");
        end = number(&region["base"]) + region["size"].as_u64().expect("a number");
    }
    let named = |name: &str| regions.iter().any(|region| region["name"] == name);
    assert!(named("pagewright") && named("[stack]") && named("[vdso]"));
    assert!(regions.iter().any(|region| region["type"] == "image"));
    let plain = text(&["map", pid]);
    assert!(plain.contains("[stack]") && plain.contains("ours, committed"), "{plain}");
    assert_eq!(text(&["map", pid, "--ours"]).matches("0x").count(), 2);
}

#[test]
fn free_space_has_nothing() {
    let sleeper = sleeper!();
    let region = json(&["query", &sleeper.pid(), "0"]);
    has_keys(&region);
    assert_eq!((&region["base"], &region["state"]), (&document!("0x0"), &document!("free")));
    assert_eq!(region["protect"], "none", "VQ01");
    for key in ["type", "allocation_base", "allocation_protect", "name"] {
        assert_eq!(region[key], Value::Null, "{key}");
    }
}

#[test]
fn bytes_come_from_files_and_go_to_files() {
    let (sleeper, folder) = (sleeper!(), Folder::new("bytes"));
    let pid = &sleeper.pid();
    let base = &json(&["alloc", pid, "--size", "64K"])["base"].as_str().expect("a string").to_owned();
    let (from, to) = (folder.file("from"), folder.file("to"));
    let bytes: Vec<u8> = (0..=255).collect();
    std::fs::write(&from, &bytes).expect("ours");
    assert_eq!(json(&["write", pid, base, "--in", &from])["written"], 256);
    let read = json(&["read", pid, base, "--size", "256", "--out", &to]);
    assert_eq!((&read["size"], &read["out"], &read["base"]), (&256.into(), &document!(to), &document!(base)));
    assert_eq!(read["data"].as_str().map(|data| (data.len(), &data[..6])), Some((512, "000102")));
    assert_eq!(std::fs::read(&to).expect("written"), bytes);
    assert_eq!(run(&["read", pid, base, "--size", "256", "--out", "-"]).stdout, bytes);

    let output = fed(&["write", pid, base, "--in", "-", "--json"], b"from a pipe");
    assert_eq!(stdout(&output), "{\"written\":11}\n");
    let dump = text(&["read", pid, base, "--size", "11"]);
    assert!(dump.contains("66 72 6f 6d 20 61 20 70  69 70 65") && dump.contains("|from a pipe|"), "{dump}");

    // More than there is: the old file stays, and no draft is left.
    assert_eq!(refusal(&["read", pid, base, "--size", "128K", "--out", &to]).0, 299);
    assert_eq!(std::fs::read(&to).expect("as before"), bytes);
    assert_eq!(folder.names().len(), 2);
    let short = run(&["read", pid, base, "--size", "128K"]);
    assert!(stderr(&short).contains("only 65536 of 131072 bytes"), "{}", stderr(&short));
    assert_eq!(
        refusal(&["write", pid, base, "--in", &folder.file("none")]),
        (2, "ERROR_FILE_NOT_FOUND".to_owned())
    );
    assert_eq!(run(&["read", pid, base, "--size", "1", "--out", "-", "--json"]).status.code(), Some(2));
}

#[test]
fn status_and_detach() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let before = json(&["status", pid]);
    assert_eq!((&before["attached"], &before["tid"]), (&document!(false), &document!(0)));
    assert!(text(&["status", pid]).contains("Not attached"));
    let base = json(&["alloc", pid, "--size", "64K"])["base"].clone();
    let status = json(&["status", pid]);
    assert_eq!((&status["attached"], &status["regions"]), (&document!(true), &document!(1)));
    assert_eq!(status["committed"], 64 << 10);
    let task = format!("/proc/{pid}/task/{}", status["tid"]);
    assert!(std::path::Path::new(&task).exists());
    assert!(text(&["status", pid]).contains("markers") || text(&["status", pid]).contains("mprotect"));
    assert_eq!(json(&["detach", pid, "--release"]), document!({"attached": false}));
    assert_eq!(json(&["status", pid])["attached"], false);
    assert_eq!(sleeper.maps_line(number(&base)), None);
    assert_eq!(json(&["detach", pid]), document!({"attached": false}));
}

#[test]
fn the_doctor_knows_kernel_and_budget() {
    let sleeper = sleeper!();
    let report = json(&["doctor", &sleeper.pid()]);
    for feature in report["features"].as_array().expect("a list") {
        assert!(feature["name"].is_string() && feature["since"].is_string() && feature["found"].is_boolean());
        assert!(feature["without"].is_string());
    }
    assert!(["markers", "mprotect"].map(Value::from).contains(&report["strategy"]["name"]));
    let mappings = &report["mappings"];
    let figure = |key: &str| mappings[key].as_u64().expect("a number");
    assert_eq!(figure("used") + figure("left"), figure("limit"));
    assert!(mappings["users"].as_array().is_some_and(|users| !users.is_empty()));
    assert!(["signal", "userfault", "off"].map(Value::from).contains(&report["guards"]["name"]));
    assert!(["async", "sync", "mprotect", "none"].map(Value::from).contains(&report["write_watch"]["name"]));
    let supply = &report["supply"];
    assert!(supply["may_lock_pages"].is_boolean(), "{supply}");
    for (list, keys) in [("large_pages", ["page", "total", "free"]), ("nodes", ["node", "total", "free"])] {
        let entries = supply[list].as_array().expect("a list");
        assert!(entries.iter().all(|entry| keys.iter().all(|key| entry[key].is_u64())), "{supply}");
    }
    let plain = text(&["doctor"]);
    assert!(plain.contains("Commits by") && plain.contains("mappings used"), "{plain}");
}

#[test]
fn values_of_the_environment_that_do_not_exist_are_told() {
    let sentence = "PAGEWRIGHT_WATCH is \"never\" in the environment, which is ignored: set it to async, sync or mprotect, \
                    or to nothing";
    let with = |args: &[&str]| {
        let mut command = command(args);
        command.env("PAGEWRIGHT_WATCH", "never").env("PAGEWRIGHT_GUARD", "off").env("PAGEWRIGHT_FREEZE", "");
        command.output().expect("it starts")
    };
    let pid = std::process::id().to_string();
    for args in [&["status", &pid][..], &["status", &pid, "--json"]] {
        let output = with(args);
        assert!(output.status.success());
        assert_eq!(stderr(&output), format!("pagewright: {sentence}\n"), "once, and nothing else");
    }
    let plain = with(&["doctor"]);
    assert_eq!(stderr(&plain), "");
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert!(words(&stdout(&plain)).contains(sentence), "{}", stdout(&plain));
    let report: Value = serde_json::from_str(&stdout(&with(&["doctor", "--json"]))).expect("a document");
    let wrong = report["misunderstood"].as_array().expect("a list");
    assert_eq!(wrong.len(), 1, "an empty value, and one that exists, are none: {wrong:?}");
    assert_eq!(
        (&wrong[0]["variable"], &wrong[0]["value"], &wrong[0]["message"]),
        (&"PAGEWRIGHT_WATCH".into(), &"never".into(), &sentence.into())
    );
    assert_eq!(wrong[0]["values"], document!(["async", "sync", "mprotect"]));
    assert_eq!(
        report["write_watch"]["name"],
        json(&["doctor"])["write_watch"]["name"],
        "as if it were not set"
    );
}

#[test]
fn refusals_have_win32_codes() {
    let none = ["map", "4194999"];
    assert_eq!(refusal(&none), (87, "ERROR_INVALID_PARAMETER".to_owned()));
    assert_eq!(refusal(&["alloc", "4194999", "--size", "4K"]).0, 87);
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    for (args, code) in [
        (&["query", pid, "0xffff800000000000"][..], 87),
        (&["alloc", pid, "--size", "0"], 87),
        (&["alloc", pid, "--size", "4K", "--protect", "rw+nocache+writecombine"], 87),
        (&["alloc", pid, "--size", "4K", "--protect", "rc"], 87),
        (&["read", pid, "0x10", "--size", "4"], 299),
        (&["read", pid, "0x7fffffffe000", "--size", "1G"], 998),
    ] {
        assert_eq!(refusal(args).0, code, "{args:?}");
    }
    // The sentence names the argument to change.
    let output = run(&["alloc", pid, "--size", "4K", "--at", "0x7fffffffffff"]);
    assert!(stderr(&output).contains("--at"), "{}", stderr(&output));
}

#[test]
fn sentences_name_the_argument_to_change() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    let kernel = "0xffff800000000000";
    let made = json(&["alloc", pid, "--size", "12K", "--protect", "rw"]);
    let (base, middle) = (number(&made["base"]), number(&made["base"]) + 0x1000);
    let (base, middle) = (&format!("{base:#x}"), &format!("{middle:#x}"));
    json(&["protect", pid, middle, "--size", "4K", "--protect", "rw+guard"]);
    for (args, code, argument) in [
        (&["read", pid, kernel, "--size", "4"][..], 998, "ADDR"),
        (&["read", pid, "0x7fffffffe000", "--size", "1G"], 998, "--size"),
        (&["read", pid, "0x10", "--size", "4"], 299, "ADDR"),
        (&["read", pid, middle, "--size", "4"], 299, "ADDR"),
        (&["read", pid, base, "--size", "12K"], 299, "--size"),
        (&["read", "4194999", base, "--size", "1"], 87, "PID"),
        (&["write", pid, kernel, "--text", "a"], 998, "ADDR"),
        (&["write", pid, "0x7fffffffefff", "--text", "ab"], 998, "--text"),
        (&["write", pid, "0x10", "--hex", "00"], 487, "ADDR"),
        (&["write", pid, middle, "--text", "a"], 299, "ADDR"),
        (&["alloc", pid, "--size", "4K", "--at", base], 487, "--at"),
        (&["free", pid, "0x10000"], 487, "ADDR"),
        (&["protect", pid, base, "--size", "0", "--protect", "r"], 87, "--size"),
    ] {
        assert_eq!(blamed(args), (code, argument.to_owned()), "{args:?}");
    }
    let guarded = stderr(&run(&["write", pid, middle, "--text", "a"]));
    assert!(guarded.contains("guard"), "{guarded}");
    assert_eq!(refusal(&["write", pid, middle, "--text", "a"]).0, 299, "the guard stays armed");
}

#[test]
fn json_may_be_said_twice() {
    let sleeper = sleeper!();
    let pid = &sleeper.pid();
    for args in [
        &["query", pid, "0", "--json", "--json"][..],
        &["--json", "query", pid, "0", "--json"],
        &["--json", "--json", "query", pid, "0"],
    ] {
        assert!(text(args).starts_with("{\""), "{args:?}");
    }
}

#[test]
fn usage_errors_exit_with_2() {
    for args in [
        &["map"][..],
        &["map", "abc"],
        &["map", "-1"],
        &["nonsense"],
        &["query", "1", "0xzz"],
        &["alloc", "1"],
        &["alloc", "1", "--size", "4Q"],
        &["alloc", "1", "--size", "4K", "--protect", "w"],
        &["alloc", "1", "--size", "4K", "--at", "1", "--near", "1"],
        &["alloc", "1", "--size", "4K", "--near", "1", "--large"],
        &["alloc", "1", "--size", "4K", "--large", "--joined"],
        &["alloc", "1", "--size", "4K", "--large", "--write-watch"],
        &["alloc", "1", "--size", "4K", "--node", "-1"],
        &["write", "1", "0"],
        &["write", "1", "0", "--hex", "00", "--text", "a"],
        &["write", "1", "0", "--hex", "0"],
        &["man", "nonsense"],
    ] {
        for args in [args.to_vec(), [args, &["--json"]].concat()] {
            let output = run(&args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            assert_eq!(stdout(&output), "", "{args:?}");
            assert!(stderr(&output).starts_with("error: "), "{args:?}");
        }
    }
}

#[test]
fn colours_are_for_terminals() {
    let is_plain = |output: &std::process::Output| !output.stdout.contains(&0x1b);
    assert!(is_plain(&run(&["doctor"])));
    let forced = command(&["doctor"]).env("CLICOLOR_FORCE", "1").output().expect("it starts");
    assert!(!is_plain(&forced));
    let refused =
        command(&["doctor"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().expect("it starts");
    assert!(is_plain(&refused));
    let json = command(&["doctor", "--json"]).env("CLICOLOR_FORCE", "1").output().expect("it starts");
    assert!(is_plain(&json));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    for args in [&["doctor"][..], &["doctor", "--json"], &["man"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command(args).stdout(writer).stderr(Stdio::piped()).output().expect("it starts");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{args:?}");
    }
}

#[test]
fn help_completions_and_manual_agree() {
    let commands = [
        "tour",
        "map",
        "query",
        "alloc",
        "free",
        "protect",
        "read",
        "write",
        "alias",
        "copy",
        "watch",
        "status",
        "detach",
        "doctor",
        "completions",
        "man",
    ];
    let script = text(&["completions", "bash"]);
    let folder = Folder::new("man");
    let pages = json(&["man", "--out", &folder.file("pages")]);
    assert_eq!(pages["pages"].as_array().map(Vec::len), Some(commands.len() + 1));
    for name in commands {
        let help = text(&[name, "--help"]);
        assert!(help.contains(&format!("Example:\n  pagewright {name}")), "{help}");
        assert!(help.contains("--json"), "{help}");
        assert!(script.contains(&format!("pagewright__subcmd__{name}")) || script.contains(name), "{name}");
        assert!(text(&["man", name]).starts_with(".ie"), "{name}");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(json(&["completions", shell])["script"].as_str().is_some_and(|script| script.len() > 500));
    }
    assert!(text(&["man"]).contains("pagewright"));
}
