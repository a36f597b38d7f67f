//! What a machine can do for the harness, and how it is set, for the terminal.

use anstyle::Style;

use super::paint::{BAD, BOLD, DIM, DOUBT, GOOD, Look, PLAIN, wrap};
use super::words::count;
use crate::vocab::{Assessment, Capability, Missing, SettingAudit};

/// The column where a status ends and a name begins.
const NAME: usize = 11;
/// The column where a name ends and its value begins.
const VALUE: usize = 36;
/// Prose is no narrower than this, or it would be a word a line.
const LEAST_PROSE: usize = 20;

/// The report of `redis-harness doctor`: what it takes to run scenarios, then what is only advised. Prose is wrapped;
/// commands stand on a line of their own, to be copied.
pub fn render_doctor(capabilities: &[Capability], findings: &[SettingAudit], look: Look) -> String {
    let mut report = Report { look, text: String::new() };
    report.heading(&headline(capabilities));
    for capability in capabilities {
        report.capability(capability);
    }
    report.text.push('\n');
    report.heading(&audit_headline(findings));
    for finding in findings {
        report.finding(finding);
    }
    report.text
}

fn headline(capabilities: &[Capability]) -> String {
    match capabilities.iter().filter(|capability| capability.answer.is_err()).count() {
        0 => "This machine can run every scenario".to_owned(),
        missing => format!("This machine can, except for what is MISSING ({missing})"),
    }
}

fn audit_headline(findings: &[SettingAudit]) -> String {
    let number = |assessment| findings.iter().filter(|finding| finding.assessment == assessment).count() as u64;
    let mut parts = vec![format!("{} ok", count(number(Assessment::Fine)))];
    for (assessment, word) in [(Assessment::Advice, "to improve"), (Assessment::Unknown, "unknown")] {
        if number(assessment) > 0 {
            parts.push(format!("{} {word}", count(number(assessment))));
        }
    }
    format!("Host audit: {} (advice only: no scenario is kept from running)", parts.join(", "))
}

struct Report {
    look: Look,
    text: String,
}

impl Report {
    fn heading(&mut self, heading: &str) {
        self.prose("", 0, BOLD, heading);
    }

    fn line(&mut self, line: &str) {
        self.text += line.trim_end();
        self.text.push('\n');
    }

    /// `text` in lines from column `indent` on, behind what is `before` it on the first one, painted already.
    fn prose(&mut self, before: &str, indent: usize, style: Style, text: &str) {
        for (index, line) in wrap(text, self.look.width.saturating_sub(indent).max(LEAST_PROSE)).iter().enumerate() {
            let line = self.look.style(style, line);
            self.line(&if index == 0 { format!("{before}{line}") } else { format!("{:indent$}{line}", "") });
        }
    }

    /// A status, a name and a value, in columns.
    fn row(&mut self, (style, status): (Style, &str), name: &str, value: &str) {
        let status = format!("  {}{:rest$}", self.look.style(style, status), "", rest = NAME - 2 - status.len());
        let before = format!("{status}{name:width$}", width = VALUE - NAME);
        self.prose(&before, VALUE, PLAIN, value);
    }

    /// Something said about the row above.
    fn remark(&mut self, label: &str, style: Style, text: &str) {
        let indent = NAME + label.len();
        self.prose(&format!("{:NAME$}{label}", ""), indent, style, text);
    }

    fn capability(&mut self, capability: &Capability) {
        match &capability.answer {
            Ok(found) => self.row((GOOD, "ok"), capability.name, found),
            Err(Missing { what, why, enable }) => {
                self.row((BAD, "MISSING"), capability.name, &format!("cannot {what}"));
                self.remark("why         ", PLAIN, why);
                self.remark("enable it   ", PLAIN, enable);
                self.remark("without it  ", DIM, capability.without);
            }
        }
    }

    fn finding(&mut self, finding: &SettingAudit) {
        let SettingAudit { setting, current, wanted, why, .. } = finding;
        match finding.assessment {
            Assessment::Fine => self.row((GOOD, "ok"), setting, &format!("{current} (wanted: {wanted})")),
            Assessment::Advice => self.row((DOUBT, "advice"), setting, &format!("{current} (wanted: {wanted})")),
            Assessment::Unknown => {
                self.row((DOUBT, "unknown"), setting, &format!("cannot be read: {current} (wanted: {wanted})"));
            }
        }
        self.remark("", DIM, why);
        let remedy = &finding.remedy;
        for (label, command) in [("now       ", &remedy.now), ("for good  ", &remedy.for_good)] {
            if let Some(command) = command {
                self.line(&format!("{:NAME$}{label}{command}", ""));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Remedy;

    fn capabilities() -> Vec<Capability> {
        let missing = Missing {
            what: "open /dev/net/tun".to_owned(),
            why: "it is closed to this user (EACCES: Permission denied)".to_owned(),
            enable: "sudo chmod 0666 /dev/net/tun".to_owned(),
        };
        let without = "scenarios that shape links are ignored";
        vec![
            Capability { name: "raise a lab", answer: Ok("hosts and links".to_owned()), without: "nothing runs" },
            Capability { name: "shape links", answer: Err(missing), without },
        ]
    }

    fn findings() -> Vec<SettingAudit> {
        let finding = |setting, assessment, current: &str, remedy| SettingAudit {
            setting,
            assessment,
            current: current.to_owned(),
            wanted: "0 or 1",
            why: "A server whose pages are swapped out answers in the time of a disk, and its peers may take it for \
                  dead."
                .to_owned(),
            remedy,
        };
        let remedy = Remedy { now: Some("sudo this".to_owned()), for_good: Some("sudo that".to_owned()) };
        vec![
            finding("vm.swappiness", Assessment::Advice, "60", remedy),
            finding("swap in use", Assessment::Fine, "0", Remedy::default()),
            finding("processor governor", Assessment::Unknown, "there is none", Remedy::default()),
        ]
    }

    const REPORT: &str = "\
This machine can, except for what is MISSING (1)
  ok       raise a lab              hosts and links
  MISSING  shape links              cannot open /dev/net/tun
           why         it is closed to this user (EACCES: Permission denied)
           enable it   sudo chmod 0666 /dev/net/tun
           without it  scenarios that shape links are ignored

Host audit: 1 ok, 1 to improve, 1 unknown (advice only: no scenario is kept from running)
  advice   vm.swappiness            60 (wanted: 0 or 1)
           A server whose pages are swapped out answers in the time of a disk, and its peers may take it for
           dead.
           now       sudo this
           for good  sudo that
  ok       swap in use              0 (wanted: 0 or 1)
           A server whose pages are swapped out answers in the time of a disk, and its peers may take it for
           dead.
  unknown  processor governor       cannot be read: there is none (wanted: 0 or 1)
           A server whose pages are swapped out answers in the time of a disk, and its peers may take it for
           dead.
";

    #[test]
    fn the_report_says_what_why_and_how() {
        assert_eq!(render_doctor(&capabilities(), &findings(), Look::plain()), REPORT);
    }

    #[test]
    fn a_machine_that_can_do_all_is_told_so() {
        let text = render_doctor(&capabilities()[..1], &findings()[1..2], Look::plain());
        assert!(text.starts_with("This machine can run every scenario\n"), "{text}");
        assert!(text.contains("\nHost audit: 1 ok (advice only"), "{text}");
    }

    #[test]
    fn colour_changes_no_character() {
        let coloured = render_doctor(&capabilities(), &findings(), Look::new(true, 110));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), REPORT);
    }
}
