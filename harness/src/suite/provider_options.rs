//! What runs the servers, as options and environment variables say and as the scenario has it.

use clap::{Args, Parser, ValueEnum};

use crate::plan::Plan;
use crate::provider::ProviderChoice;

/// The environment variable that names an image.
const IMAGE_VARIABLE: &str = "HARNESS_IMAGE";

/// The providers that run images.
const WITH_IMAGES: &str = "containers or image-rootfs";

/// What runs the servers.
#[derive(Clone, Debug, Default, Args)]
pub struct ProviderOptions {
    /// Who makes the hosts and starts the servers. Containers, if an image is named by whomever; else namespaces.
    #[arg(long, env = "HARNESS_PROVIDER", value_enum, value_name = "PROVIDER")]
    provider: Option<ProviderName>,
    /// The image of the servers, of nodes for which the scenario names none.
    #[arg(long, env = IMAGE_VARIABLE, value_name = "IMAGE")]
    image: Option<String>,
}

/// A provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProviderName {
    /// The lab itself, with the servers' binaries of this machine.
    Namespaces,
    /// A container engine, with images.
    Containers,
    /// The lab itself, with servers of images, which are unpacked once, and without containers.
    ImageRootfs,
}

/// The environment alone, read as options are.
#[derive(Debug, Parser)]
struct Environment {
    #[command(flatten)]
    options: ProviderOptions,
}

impl ProviderOptions {
    /// What environment variables say.
    pub(super) fn from_environment() -> Result<Self, String> {
        Environment::try_parse_from(["environment"]).map(|read| read.options).map_err(|error| error.to_string())
    }

    /// Which provider runs a scenario. The error says what does not fit.
    pub fn choose(&self, plan: &Plan) -> Result<ProviderChoice, String> {
        let named = self.image.clone().filter(|image| !image.trim().is_empty());
        let of_node = plan.nodes.iter().find_map(|node| Some((&node.name, node.image.as_ref()?)));
        match (self.provider, of_node) {
            (Some(ProviderName::Namespaces), Some((node, image))) => {
                return Err(format!("{node} has the image {image}, which takes the provider {WITH_IMAGES}"));
            }
            (Some(ProviderName::Namespaces), None) => {
                let contradicts =
                    |image| format!("the image {image} takes the provider {WITH_IMAGES}: leave out one of the two");
                return named.map_or(Ok(ProviderChoice::Namespaces), |image| Err(contradicts(image)));
            }
            (None, None) if named.is_none() => return Ok(ProviderChoice::Namespaces),
            _ => {}
        }
        if let Some((node, binary)) = plan.nodes.iter().find_map(|node| Some((&node.name, node.binary.as_ref()?))) {
            return Err(format!("{node} has the binary {binary}, where servers are of images"));
        }
        let all_have_one = plan.nodes.iter().all(|node| node.image.is_some());
        let image = named.or_else(|| of_node.filter(|_| all_have_one).map(|(_, image)| image.clone()));
        let why = || format!("no image is named: --image redis:7.4, or {IMAGE_VARIABLE}=redis:7.4");
        let image = image.ok_or_else(why)?;
        Ok(match self.provider {
            Some(ProviderName::ImageRootfs) => ProviderChoice::ImageRootfs { image },
            _ => ProviderChoice::Containers { image },
        })
    }
}
