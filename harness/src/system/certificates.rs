//! The certificates of one run, made for it: nobody else trusts them, and nobody else is trusted.

use std::net::{IpAddr, Ipv4Addr};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

/// Signs the certificates of one run.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one, unlike any other.
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let mut parameters = named("redis-harness");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Ok(Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?))
    }

    /// Its own certificate.
    pub(super) fn certificate(&self) -> &rcgen::Certificate {
        self.0.as_ref()
    }

    /// A key, and a certificate for it: of a server at the address, or of clients if there is none. A server's is also that of a
    /// client, which it is to other servers.
    pub(super) fn sign(&self, name: &str, address: Option<Ipv4Addr>) -> Result<CertifiedKey<KeyPair>, rcgen::Error> {
        let mut parameters = named(name);
        parameters.subject_alt_names = address.map(|ip| SanType::IpAddress(IpAddr::V4(ip))).into_iter().collect();
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let server = address.map(|_| ExtendedKeyUsagePurpose::ServerAuth);
        parameters.extended_key_usages = server.into_iter().chain([ExtendedKeyUsagePurpose::ClientAuth]).collect();
        let signing_key = KeyPair::generate()?;
        Ok(CertifiedKey { cert: parameters.signed_by(&signing_key, &self.0)?, signing_key })
    }
}

fn named(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.remove(DnType::CommonName);
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}
