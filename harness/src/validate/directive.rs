//! The names of the directives that a scenario sets, in a server's file or while it runs.

use super::checker::Checker;
use crate::text::{Cursor, Problem, plain_letters};
use crate::vocab::NodeName;

impl Checker<'_> {
    /// What is wrong with a directive's name, of that node or of all, if anything is. Whether a server knows it is for the server to say.
    pub fn directive_problem(&self, directive: &str, node: Option<&NodeName>, at: Cursor<'_>) -> Option<Problem> {
        let lowercase = directive.to_lowercase();
        if directive.is_empty() {
            return Some(Problem::new(at.head(), "a directive's name is empty"));
        }
        if directive.contains(|c: char| c.is_whitespace() || c.is_control()) {
            let problem = Problem::new(at.head(), format!("`{}` is not a directive's name", directive.escape_debug()));
            return Some(
                problem.help("write the name as the key and its arguments as the value: `\"save\": \"60 1\"`"),
            );
        }
        if let Some((plain, odd)) = plain_letters(directive) {
            let message = format!("no directive has the character U+{:04X} in its name", u32::from(odd));
            return Some(Problem::new(at.head(), message).help(format!("write `{plain}`")));
        }
        if let Some(why) = (self.reserved)(directive, node) {
            let problem = Problem::new(at.head(), format!("`{directive}` is the harness' own"));
            return Some(problem.label(why).help("leave it out"));
        }
        let problem = || Problem::new(at.head(), format!("`{directive}` is not written in small letters"));
        (lowercase != directive).then(|| problem().help(format!("write `{lowercase}`")))
    }
}
