use rstest::rstest;

use super::*;
use crate::provider::memory::Memory;

/// A machine as it should be.
fn good() -> Readings {
    Readings {
        overcommit_memory: Ok(1),
        somaxconn: Ok(4_096),
        somaxconn_in_lab: Ok(4_096),
        swappiness: Ok(0),
        huge_pages: Ok("never".into()),
        open_files: Ok((1_024, 1_048_576)),
        clock_source: Ok("tsc".into()),
        clock_sources: Ok(vec!["tsc".to_owned(), "hpet".to_owned()]),
        clock_synchronised: Ok(true),
        processors: Ok(8),
        governors: Ok(["performance".into()].into()),
        memory: Ok(Memory { total: 16 << 30, available: 8 << 30, swapped: 0 }),
    }
}

fn found(readings: &Readings, setting: &str) -> SettingAudit {
    judge(readings).into_iter().find(|finding| finding.setting == setting).expect("it is audited")
}

#[test]
fn a_good_machine_needs_no_advice() {
    for finding in judge(&good()) {
        assert_eq!(finding.assessment, Assessment::Fine, "{finding:?}");
        assert_eq!(finding.remedy, Remedy::default(), "{finding:?}");
        assert!(!finding.why.is_empty() && !finding.wanted.is_empty(), "{finding:?}");
    }
}

#[rstest]
#[case::overcommit(
    "vm.overcommit_memory",
    Readings { overcommit_memory: Ok(0), ..good() },
    "0",
    "sysctl -w vm.overcommit_memory=1"
)]
#[case::backlog(
    "net.core.somaxconn",
    Readings { somaxconn: Ok(128), ..good() },
    "128",
    "sysctl -w net.core.somaxconn=1024"
)]
#[case::swappiness("vm.swappiness", Readings { swappiness: Ok(60), ..good() }, "60", "sysctl -w vm.swappiness=0")]
#[case::huge(
    "transparent huge pages",
    Readings { huge_pages: Ok("always".into()), ..good() },
    "always",
    "echo never | sudo tee /sys"
)]
#[case::files(
    "open files",
    Readings { open_files: Ok((1_024, 4_096)), ..good() },
    "hard 4096, soft 1024",
    "--nofile=65536:65536"
)]
#[case::clock(
    "clock source",
    Readings { clock_source: Ok("hpet".into()), ..good() },
    "hpet",
    "echo tsc | sudo tee /sys"
)]
#[case::unsynchronised(
    "clock synchronised",
    Readings { clock_synchronised: Ok(false), ..good() },
    "no",
    "timedatectl set-ntp true"
)]
#[case::governor(
    "processor governor",
    Readings { governors: Ok(["powersave".into()].into()), ..good() },
    "powersave",
    "echo performance"
)]
#[case::swap(
    "swap in use",
    Readings { memory: Ok(Memory { total: 9, available: 9, swapped: 1 << 20 }), ..good() },
    "1.0 MiB",
    "swapoff -a"
)]
fn a_bad_setting_is_told_with_its_remedy(
    #[case] setting: &str,
    #[case] readings: Readings,
    #[case] current: &str,
    #[case] command: &str,
) {
    let finding = found(&readings, setting);
    assert_eq!((finding.assessment, finding.current.as_str()), (Assessment::Advice, current));
    let now = finding.remedy.now.expect("a command");
    assert!(now.contains(command), "{now}");
    assert!(finding.remedy.for_good.is_some());
}

#[rstest]
#[case::processors("processors", Readings { processors: Ok(1), ..good() }, "1")]
#[case::memory(
    "memory available",
    Readings { memory: Ok(Memory { total: 1 << 30, available: 1 << 20, swapped: 0 }), ..good() },
    "1.0 MiB of 1.0 GiB"
)]
#[case::no_quick_clock(
    "clock source",
    Readings { clock_source: Ok("acpi_pm".into()), clock_sources: Ok(vec!["acpi_pm".into()]), ..good() },
    "acpi_pm"
)]
#[case::clocks_unread(
    "clock source",
    Readings { clock_source: Ok("acpi_pm".into()), clock_sources: Err("closed".to_owned()), ..good() },
    "acpi_pm"
)]
fn what_no_command_changes_is_told_nevertheless(
    #[case] setting: &str,
    #[case] readings: Readings,
    #[case] current: &str,
) {
    let finding = found(&readings, setting);
    assert_eq!((finding.assessment, finding.current.as_str()), (Assessment::Advice, current));
    assert!(finding.remedy.now.is_none() && finding.remedy.for_good.is_some(), "{finding:?}");
}

#[rstest]
#[case::swappiness("vm.swappiness", Readings { swappiness: Ok(1), ..good() })]
#[case::backlog("net.core.somaxconn", Readings { somaxconn: Ok(1_024), ..good() })]
#[case::madvise("transparent huge pages", Readings { huge_pages: Ok("madvise".into()), ..good() })]
#[case::virtual_clock("clock source", Readings { clock_source: Ok("kvm-clock".into()), ..good() })]
#[case::soft_files("open files", Readings { open_files: Ok((256, 65_536)), ..good() })]
fn what_is_good_enough_is_fine(#[case] setting: &str, #[case] readings: Readings) {
    assert_eq!(found(&readings, setting).assessment, Assessment::Fine);
}

#[test]
fn what_cannot_be_read_is_never_fine() {
    let error = || "closed".to_owned();
    let readings = Readings {
        overcommit_memory: Err(error()),
        somaxconn: Err(error()),
        somaxconn_in_lab: Err(error()),
        swappiness: Err(error()),
        huge_pages: Err(error()),
        open_files: Err(error()),
        clock_source: Err(error()),
        clock_sources: Err(error()),
        clock_synchronised: Err(error()),
        processors: Err(error()),
        governors: Err(error()),
        memory: Err(error()),
    };
    for finding in judge(&readings) {
        assert_eq!((finding.assessment, finding.current.as_str()), (Assessment::Unknown, "closed"), "{finding:?}");
    }
}

#[rstest]
#[case(Ok(4_096), "here 4096.")]
#[case(Ok(128), "here 128, which also cuts the queues of servers in a lab")]
#[case(Err("no lab".to_owned()), "which cannot be read: no lab")]
fn the_backlog_within_a_lab_is_told(#[case] in_lab: ReadSetting<u64>, #[case] words: &str) {
    let why = found(&Readings { somaxconn_in_lab: in_lab, ..good() }, "net.core.somaxconn").why;
    assert!(why.contains(words), "{why}");
}
