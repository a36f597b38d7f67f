//! What the servers of a scenario say of it before it runs: whether they can be started, and accept their directives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Loaded;
use crate::provider::{self, ServerBinary, ServerError};
use crate::scenario::{Scenario, ScenarioVocabulary};
use crate::system::NodeSpec;
use crate::system::{self, DirectivesError, Refusal};
use crate::text::{Cursor, Problem, Problems, nearest, read};
use crate::vocab::SERVER_PORT;

/// The directive that every server has that can speak TLS. No scenario may set it.
const TLS_PORT: &str = "tls-port";

/// A node's directives.
type Config = BTreeMap<String, String>;

/// What was asked already: most nodes are alike, and so are most scenarios.
#[derive(Debug, Default)]
pub(super) struct ServerCache {
    found: BTreeMap<Option<String>, Result<ServerBinary, ServerError>>,
    refused: BTreeMap<(ServerBinary, Config), Result<Vec<Refusal>, DirectivesError>>,
    names: BTreeMap<ServerBinary, BTreeSet<String>>,
}

/// Whether the servers of a scenario could be asked.
#[derive(Debug)]
pub(super) enum ServerAnswer {
    /// They accept everything.
    Accepted,
    /// Some could not be asked; why.
    Unknown(String),
    /// The one that the environment names cannot be run; why.
    Unusable(String),
    /// They refuse something.
    Refused(Problems),
}

impl ServerCache {
    /// Asks the servers of all nodes.
    pub(super) fn ask(&mut self, loaded: &Loaded) -> ServerAnswer {
        let read = read::<Scenario>(&loaded.text, &ScenarioVocabulary);
        let mut problems = Vec::new();
        let (mut not_asked, mut unusable) = (None, None);
        for node in &loaded.plan.nodes {
            let places = Places::of(read.tree.root().field("server"), node);
            problems.extend(missing_module(node, &places));
            match self.found(node.binary.as_deref()) {
                Ok(binary) => match self.refused(binary, node, &places) {
                    Ok(refused) => problems.extend(refused),
                    Err(why) => not_asked = Some(why),
                },
                Err(why) if node.binary.is_some() => problems.push(Problem::new(places.binary().head(), why)),
                Err(why) if provider::named_server().is_some() => unusable = Some(why),
                // That nobody named a server and there is none is this machine's matter.
                Err(why) if !node.config.is_empty() || node.tls.is_some() => not_asked = Some(why),
                Err(_) => {}
            }
        }
        let problems = Problems::new(loaded.path.display().to_string(), &loaded.text, problems).with_paths(&read.tree);
        match (unusable, not_asked) {
            _ if problems.has_errors() => ServerAnswer::Refused(problems),
            (Some(why), _) => ServerAnswer::Unusable(why),
            (None, Some(why)) => ServerAnswer::Unknown(why),
            (None, None) => ServerAnswer::Accepted,
        }
    }

    fn found(&mut self, name: Option<&str>) -> Result<ServerBinary, String> {
        let found = self.found.entry(name.map(str::to_owned)).or_insert_with(|| ServerBinary::find(name));
        found.as_ref().map(Clone::clone).map_err(ToString::to_string)
    }

    fn refused(&mut self, binary: ServerBinary, node: &NodeSpec, places: &Places<'_>) -> Result<Vec<Problem>, String> {
        let mut config = node.config.clone();
        config.extend(node.tls.map(|_| (TLS_PORT.to_owned(), SERVER_PORT.to_string())));
        let key = (binary, config);
        let (binary, config) = key.clone();
        let refused = self.refused.entry(key).or_insert_with(|| system::refused_directives(&binary, &config));
        let mut refused = refused.as_ref().map_err(ToString::to_string)?.clone();
        if refused.iter().any(|refusal| refusal.directive == TLS_PORT) {
            // What else it refuses of TLS follows from that.
            refused.retain(|Refusal { directive, .. }| directive == TLS_PORT || !directive.starts_with("tls-"));
        }
        Ok(refused.into_iter().map(|refusal| self.problem(&binary, node, refusal, places)).collect())
    }

    fn problem(&mut self, binary: &ServerBinary, node: &NodeSpec, refusal: Refusal, places: &Places<'_>) -> Problem {
        let Refusal { directive, said } = refusal;
        if directive == TLS_PORT {
            return no_tls(binary, places);
        }
        let names =
            self.names.entry(binary.clone()).or_insert_with(|| system::known_directives(binary).unwrap_or_default());
        let config = places.config(&directive);
        let version = binary.version;
        if !names.is_empty() && !names.contains(&directive) {
            let problem =
                Problem::new(config.key(&directive).head(), format!("{version} has no directive `{directive}`"));
            return match nearest(&directive, names.iter().map(String::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.label(said),
            };
        }
        let value = node.config.get(&directive).map_or("", String::as_str);
        let written = if value.is_empty() { "\"\"" } else { value };
        let problem =
            Problem::new(config.entry(&directive).head(), format!("{version} refuses `{directive} {written}`"));
        problem.label(said)
    }
}

/// A server that was built without TLS.
fn no_tls(binary: &ServerBinary, places: &Places<'_>) -> Problem {
    let ServerBinary { path, version } = binary;
    let problem = Problem::new(places.all.field("tls").head(), format!("{version} was built without TLS"));
    let problem = problem.label(format!("{} has no directive `{TLS_PORT}`", path.display()));
    problem.help("take a server that was built with it (`make BUILD_TLS=yes`), or leave `tls` out")
}

/// A module that is not there: the server reads the directive, and gives up only when it starts.
fn missing_module(node: &NodeSpec, places: &Places<'_>) -> Option<Problem> {
    let (directive, value) = node.config.iter().find(|(name, _)| name.eq_ignore_ascii_case("loadmodule"))?;
    let path = Path::new(value.split_whitespace().next()?.trim_matches(['"', '\'']));
    // Any other is looked for in the data directory, which does not exist yet.
    let is_missing = path.is_absolute() && !path.exists();
    let message = || format!("the module {} does not exist", path.display());
    is_missing.then(|| Problem::new(places.config(directive).entry(directive).head(), message()))
}

/// Where a node's binary and directives stand in the file.
struct Places<'t> {
    all: Cursor<'t>,
    own: Cursor<'t>,
}

impl<'t> Places<'t> {
    fn of(all: Cursor<'t>, node: &NodeSpec) -> Self {
        Self { all, own: all.field("nodes").entry(node.name.as_str()) }
    }

    fn binary(&self) -> Cursor<'t> {
        let own = self.own.field("binary");
        if own.is_exact() { own } else { self.all.field("binary") }
    }

    /// The map that a directive stands in.
    fn config(&self, directive: &str) -> Cursor<'t> {
        let own = self.own.field("config");
        if own.entry(directive).is_exact() { own } else { self.all.field("config") }
    }
}
