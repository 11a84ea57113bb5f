use std::error::Error;
use std::io;
use std::sync::Arc;

use protocol::error_chain;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::DatabaseError;

/// TLS that trusts the system's authorities, and `ca` (PEM) beside them.
pub(crate) fn connector(ca: Option<&str>) -> Result<MakeRustlsConnect, DatabaseError> {
    let mut roots = RootCertStore::empty();
    // Some of the system's may be unreadable; what cannot be verified in the end says so itself.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in own_authorities(ca)? {
        roots.add(certificate).map_err(|error| unusable_ca(&error))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| DatabaseError::Internal(format!("TLS cannot be set up: {error}")))?
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
        return Err(DatabaseError::Misconfigured("the secret's `ca` holds no PEM certificate".to_owned()));
    }
    Ok(found)
}

fn unusable_ca(error: &dyn Error) -> DatabaseError {
    DatabaseError::Misconfigured(format!("the secret's `ca` cannot be used: {}", error_chain(error)))
}

/// Why a server is not trusted, when that is what failed: no retry mends it.
pub(crate) fn distrust(error: &tokio_postgres::Error) -> Option<String> {
    const NO_TLS: &str = "server does not support TLS";
    let mut next = error.source();
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(refusal) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Some(format!(
                "its certificate is not trusted ({refusal}); the secret's `ca` may name its authority"
            ));
        }
        if cause.to_string() == NO_TLS {
            return Some(NO_TLS.to_owned());
        }
        next = cause.source();
    }
    None
}
