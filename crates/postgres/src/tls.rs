use std::error::Error;
use std::io;
use std::sync::Arc;

use protocol::error_chain;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::DatabaseError;

/// Makes a TLS connector that trusts the authorities of the system and those in `ca` (PEM).
pub(crate) fn connector(ca: Option<&str>) -> Result<MakeRustlsConnect, DatabaseError> {
    let mut roots = RootCertStore::empty();
    // Some certificates of the system may be unreadable. If one is needed, the handshake fails with its own message.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in own_authorities(ca)? {
        roots.add(certificate).map_err(|error| unusable_ca(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DatabaseError::Internal(format!("TLS setup failed: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn own_authorities(ca: Option<&str>) -> Result<Vec<CertificateDer<'static>>, DatabaseError> {
    let Some(pem) = ca else { return Ok(Vec::new()) };
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| unusable_ca(&error))?;
    if found.is_empty() {
        return Err(DatabaseError::Misconfigured("`ca` of the secret contains no PEM certificate".to_owned()));
    }
    Ok(found)
}

fn unusable_ca(error: &dyn Error) -> DatabaseError {
    DatabaseError::Misconfigured(format!("`ca` of the secret is invalid: {}", error_chain(error)))
}

/// Returns the reason if a TLS handshake failed because the server is not trusted. A retry cannot succeed.
pub(crate) fn tls_rejection(error: &tokio_postgres::Error) -> Option<String> {
    const NO_TLS: &str = "server does not support TLS";
    let mut next = error.source();
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(refusal) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(format!(
                "its certificate is not trusted ({refusal}); put its authority into `ca` of the secret"
            ));
        }
        if cause.to_string() == NO_TLS {
            return Some(NO_TLS.to_owned());
        }
        next = cause.source();
    }
    None
}
