//! TLS for syslog (RFC 5425): the certificate that the receiver shows, and who may connect.

use crate::config::{Fault, SyslogConfig};
use crate::source::CollectError;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// What accepts TLS connections as the configuration says; nothing where it has no certificate.
pub(super) fn acceptor(config: &SyslogConfig) -> Result<Option<TlsAcceptor>, CollectError> {
    let (Some(certificate), Some(key)) = (&config.certificate_file, &config.key_file) else {
        return Ok(None);
    };
    let chain = certificates("certificate_file", certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| fault("key_file", key, &e.to_string(), "write a private key as PEM"))?;
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| {
            fault(
                "certificate_file",
                certificate,
                &e.to_string(),
                "use a current key",
            )
        })?;
    let builder = match &config.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("client_ca_file", path)? {
                roots.add(authority).map_err(|e| {
                    fault(
                        "client_ca_file",
                        path,
                        &e.to_string(),
                        "name certificates of authorities",
                    )
                })?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| {
                    fault(
                        "client_ca_file",
                        path,
                        &e.to_string(),
                        "name certificates of authorities",
                    )
                })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let tls = builder.with_single_cert(chain, key).map_err(|e| {
        fault(
            "certificate_file",
            certificate,
            &e.to_string(),
            "name the certificate that belongs to `key_file`, and those that signed it behind it",
        )
    })?;
    Ok(Some(TlsAcceptor::from(Arc::new(tls))))
}

fn certificates(field: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, CollectError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(fault(
            field,
            path,
            "it holds no certificate",
            "write certificates as PEM",
        )),
        Err(e) => Err(fault(field, path, &e.to_string(), "write certificates as PEM")),
    }
}

fn fault(field: &str, path: &Path, wrong: &str, remedy: &str) -> CollectError {
    CollectError::Config(vec![Fault {
        field: field.into(),
        wrong: format!("{}: {wrong}", path.display()),
        remedy: remedy.into(),
    }])
}
