//! TLS with the servers of one run: the files that servers and programs need for it, and how the harness connects.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::SystemError;
use super::certificates::Authority;
use crate::provider::ProviderError;

/// Where a server, or a program that is a client, finds what it needs for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of whoever signed the others.
    pub authority: PathBuf,
    /// Its own certificate.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
}

/// How clients speak TLS with the servers of a run.
#[derive(Clone)]
pub struct TlsClient(Arc<ClientConfig>);

impl TlsClient {
    /// Trusts the authority, and shows servers this certificate.
    ///
    /// Each connection makes a handshake of its own, as most client libraries do.
    pub(super) fn new(authority: &Authority, own: CertifiedKey<KeyPair>) -> Result<Self, io::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate().der().clone()).map_err(io::Error::other)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|config| config.with_root_certificates(roots))
            .and_then(|config| config.with_client_auth_cert(vec![own.cert.der().clone()], own.signing_key.into()));
        let mut config = config.map_err(io::Error::other)?;
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Speaks TLS on a connection to the server at this address, whose certificate must be for it. An error of the kind
    /// [`io::ErrorKind::InvalidData`] says that there is no TLS with this server.
    pub async fn handshake(&self, ip: Ipv4Addr, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(Arc::clone(&self.0)).connect(ServerName::from(IpAddr::V4(ip)), stream).await
    }
}

impl fmt::Debug for TlsClient {
    /// Without its key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsClient").finish_non_exhaustive()
    }
}

/// What a run's TLS is made of.
pub(super) struct RunTls {
    /// What each server finds, in the order of the nodes.
    pub(super) servers: Vec<TlsFiles>,
    /// What programs find that are clients.
    pub(super) programs: TlsFiles,
    /// How the harness is a client.
    pub(super) client: TlsClient,
}

impl RunTls {
    /// Makes an authority and what it signs, for one run and these servers; the authority's own key is forgotten at once. `write`
    /// keeps a file under a name, and says where.
    pub(super) fn make<'a>(
        servers: impl Iterator<Item = (&'a str, Ipv4Addr)>,
        write: impl Fn(&str, &str) -> Result<PathBuf, ProviderError>,
    ) -> Result<Self, SystemError> {
        let authority = Authority::new()?;
        let trusted = write("ca.crt", &authority.certificate().pem())?;
        let files = |name: &str, own: &CertifiedKey<KeyPair>| -> Result<TlsFiles, ProviderError> {
            Ok(TlsFiles {
                authority: trusted.clone(),
                certificate: write(&format!("{name}.crt"), &own.cert.pem())?,
                key: write(&format!("{name}.key"), &own.signing_key.serialize_pem())?,
            })
        };
        let server = |(name, ip): (&str, Ipv4Addr)| Ok(files(name, &authority.sign(name, Some(ip))?)?);
        let servers = servers.map(server).collect::<Result<_, SystemError>>()?;
        let client = authority.sign("client", None)?;
        Ok(Self { servers, programs: files("client", &client)?, client: TlsClient::new(&authority, client)? })
    }
}

/// What a server at this address finds in the directory, and a client whom it trusts.
#[cfg(test)]
pub(crate) fn tls_in(directory: &std::path::Path, server: Ipv4Addr) -> (TlsFiles, TlsClient) {
    let write = |name: &str, content: &str| {
        let path = directory.join(name);
        std::fs::write(&path, content).unwrap();
        Ok(path)
    };
    let mut tls = RunTls::make([("server", server)].into_iter(), write).unwrap();
    (tls.servers.remove(0), tls.client)
}
