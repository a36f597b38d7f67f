//! `doctor`, which runs on every machine and says what is true of this one.

use harness::provider::{self, Need, ProviderChoice, ServerBinary};

use super::started::{END_BOUND, Started, command};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("doctor::what_it_says_is_what_labs_find", true_of_this_machine),
    ("doctor::a_missing_server_is_told_with_the_way_out", no_server),
    ("doctor::every_setting_is_audited", audit),
];

/// The lines of the report about this capability or setting: its own, and those below it that say more.
fn about<'a>(report: &'a str, name: &str) -> Vec<&'a str> {
    let is_row = |line: &str| line.starts_with("  ") && !line.starts_with("   ");
    let mut lines = report.lines().skip_while(|line| !(is_row(line) && line.contains(name)));
    let row = lines.next().unwrap_or_else(|| panic!("`{name}` has no row in {report}"));
    [row].into_iter().chain(lines.take_while(|line| line.starts_with("   "))).collect()
}

fn true_of_this_machine() {
    let ended = Started::new(command(&["doctor"])).end(END_BOUND);
    let mut found = vec![
        ("raise a lab", ProviderChoice::Namespaces.check(Need::Hosts).is_ok()),
        ("shape links", ProviderChoice::Namespaces.check(Need::Shaping).is_ok()),
        ("run a server", ServerBinary::find(None).is_ok()),
    ];
    let ended = ended.with(if found.iter().all(|(_, is_there)| *is_there) { 0 } else { 2 });
    // Without it all scenarios can run.
    found.push(("run images", provider::container_engine().is_ok()));
    for (name, is_there) in found {
        let lines = about(&ended.stdout, name).join("\n");
        let is_told = if is_there { lines.starts_with("  ok ") } else { lines.contains("enable it   ") };
        assert!(is_told, "{name}: {lines}\n{ended}");
    }
}

fn no_server() {
    let mut command = command(&["doctor"]);
    command.env_remove("REDIS_SERVER").env("PATH", "/no/such/directory");
    let ended = Started::new(command).end(END_BOUND).with(2);
    let lines = about(&ended.stdout, "run a server").join("\n");
    assert!(lines.starts_with("  MISSING ") && lines.contains("apt-get install redis-server"), "{ended}");
}

/// A setting is said to be ok, or what to do about it, or why it is unknown.
fn audit() {
    let ended = Started::new(command(&["doctor"])).end(END_BOUND);
    let settings = [
        "vm.overcommit_memory",
        "net.core.somaxconn",
        "vm.swappiness",
        "transparent huge pages",
        "open files",
        "clock source",
        "clock synchronised",
        "processors",
        "processor governor",
        "memory available",
        "swap in use",
    ];
    for setting in settings {
        let lines = about(&ended.stdout, setting);
        let has_remedy = lines.iter().any(|line| line.trim_start().starts_with("for good  "));
        // Prose is broken into lines anywhere.
        let words: Vec<_> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        let is_told = match words[0] {
            "ok" => !has_remedy,
            "advice" => has_remedy,
            "unknown" => words.join(" ").contains(" cannot be read: "),
            _ => false,
        };
        assert!(is_told && words.contains(&"(wanted:"), "{setting} in {ended}");
    }
}
