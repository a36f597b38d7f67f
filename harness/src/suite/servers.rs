//! What the servers of a scenario say of it before it runs: whether they can be started, and accept their directives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Loaded, ProviderOptions};
use crate::provider::{self, ImageError, NoServer, ServerProgram, WantedServer};
use crate::scenario::{Scenario, ScenarioVocabulary};
use crate::system::NodeSpec;
use crate::system::{self, DirectivesError, Refusal};
use crate::text::{Cursor, Problem, Problems, nearest, read};
use crate::vocab::SERVER_PORT;

/// The directive that every server has that can speak TLS. No scenario may set it.
const TLS_PORT: &str = "tls-port";

/// What to do about a binary that the environment names and that is none. (`SERVER_VARIABLE` of the provider.)
const OTHER_SERVER: &str = "help: set REDIS_SERVER to a server's binary, or unset it to take the one on PATH";

/// A node's directives.
type Config = BTreeMap<String, String>;

/// What was asked already: most nodes are alike, and so are most scenarios.
#[derive(Debug, Default)]
pub(super) struct ServerCache {
    found: BTreeMap<WantedServer, Result<ServerProgram, NoServer>>,
    refused: BTreeMap<(ServerProgram, Config), Result<Vec<Refusal>, DirectivesError>>,
    names: BTreeMap<ServerProgram, BTreeSet<String>>,
}

/// Whether the servers of a scenario could be asked.
#[derive(Debug)]
pub(super) enum ServerAnswer {
    /// They accept everything.
    Accepted,
    /// Some could not be asked; why.
    Unknown(String),
    /// What the environment or the options name cannot be run; why.
    Unusable(String),
    /// They refuse something.
    Refused(Problems),
}

impl ServerCache {
    /// Asks the servers of all nodes.
    pub(super) fn ask(&mut self, loaded: &Loaded, options: &ProviderOptions) -> ServerAnswer {
        let provider = match options.choose(&loaded.plan) {
            Ok(provider) => provider,
            Err(why) => return ServerAnswer::Unusable(why),
        };
        let read = read::<Scenario>(&loaded.text, &ScenarioVocabulary);
        let mut problems = Vec::new();
        let (mut not_asked, mut unusable) = (None, None);
        for node in &loaded.plan.nodes {
            let places = Places::of(read.tree.root().field("server"), node);
            problems.extend(missing_module(node, &places));
            let wanted = provider.server(node.binary.as_deref(), node.image.as_deref());
            match self.found.entry(wanted.clone()).or_insert_with(|| wanted.find()) {
                Ok(server) => {
                    let server = server.clone();
                    match self.refused(server, node, &places) {
                        Ok(refused) => problems.extend(refused),
                        Err(why) => not_asked = Some(why),
                    }
                }
                // That there is no engine is this machine's matter, and so is that nobody named a server and there is none.
                Err(error @ NoServer::Image(ImageError::NoEngine(_))) => not_asked = Some(error.to_string()),
                Err(error) if node.binary.is_some() || node.image.is_some() => {
                    problems.push(Problem::new(places.program().head(), error.to_string()));
                }
                Err(NoServer::Image(error)) => unusable = Some(error.to_string()),
                Err(error) if provider::named_server().is_some() => unusable = Some(format!("{error}\n{OTHER_SERVER}")),
                Err(error) if !node.config.is_empty() || node.tls.is_some() => not_asked = Some(error.to_string()),
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

    fn refused(&mut self, server: ServerProgram, node: &NodeSpec, places: &Places<'_>) -> Result<Vec<Problem>, String> {
        let mut config = node.config.clone();
        config.extend(node.tls.map(|_| (TLS_PORT.to_owned(), SERVER_PORT.to_string())));
        let key = (server, config);
        let (server, config) = key.clone();
        let refused = self.refused.entry(key).or_insert_with(|| system::refused_directives(&server, &config));
        let mut refused = refused.as_ref().map_err(ToString::to_string)?.clone();
        if refused.iter().any(|refusal| refusal.directive == TLS_PORT) {
            // What else it refuses of TLS follows from that.
            refused.retain(|Refusal { directive, .. }| directive == TLS_PORT || !directive.starts_with("tls-"));
        }
        Ok(refused.into_iter().map(|refusal| self.problem(&server, node, refusal, places)).collect())
    }

    fn problem(&mut self, server: &ServerProgram, node: &NodeSpec, refusal: Refusal, places: &Places<'_>) -> Problem {
        let Refusal { directive, said } = refusal;
        if directive == TLS_PORT {
            return no_tls(server, places);
        }
        let names =
            self.names.entry(server.clone()).or_insert_with(|| system::known_directives(server).unwrap_or_default());
        let config = places.config(&directive);
        let version = server.version();
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
fn no_tls(server: &ServerProgram, places: &Places<'_>) -> Problem {
    let message = format!("{} was built without TLS", server.version());
    let problem = Problem::new(places.all.field("tls").head(), message);
    let problem = problem.label(format!("{server} has no directive `{TLS_PORT}`"));
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

/// Where a node's binary or image and its directives stand in the file.
struct Places<'t> {
    all: Cursor<'t>,
    own: Cursor<'t>,
}

impl<'t> Places<'t> {
    fn of(all: Cursor<'t>, node: &NodeSpec) -> Self {
        Self { all, own: all.field("nodes").entry(node.name.as_str()) }
    }

    /// What names the binary or the image.
    fn program(&self) -> Cursor<'t> {
        let named = ["binary", "image"].map(|field| [self.own.field(field), self.all.field(field)]);
        let [[own, all], [own_image, all_image]] = named;
        [own, own_image, all].into_iter().find(|place| place.is_exact()).unwrap_or(all_image)
    }

    /// The map that a directive stands in.
    fn config(&self, directive: &str) -> Cursor<'t> {
        let own = self.own.field("config");
        if own.entry(directive).is_exact() { own } else { self.all.field("config") }
    }
}
