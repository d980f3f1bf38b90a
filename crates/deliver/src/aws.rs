//! What the channels to Amazon's services share: how they are reached, and what their errors say about a message.

mod access;
mod outcome;

pub use access::AwsAccess;
pub(crate) use outcome::{Refusals, describe, of, refused, unmarked};

use crate::fault::ConfigFaults;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_http_client::{Builder as HttpBuilder, Connector, tls};
use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector};
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// rustls with ring.
const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// HTTPS, and plain HTTP to an emulator on this machine.
fn http_client() -> SharedHttpClient {
    HttpBuilder::new().tls_provider(TLS).build_https()
}

/// HTTPS without the SDK around it: one request, one answer, no redirects.
pub(crate) fn https_connector() -> SharedHttpConnector {
    SharedHttpConnector::new(Connector::builder().tls_provider(TLS).build())
}

/// What every client is made of: the credentials that the SDK finds (environment, profile, container, instance) or `provider`'s, or
/// those of the role that the settings name. Credentials are not asked for yet.
///
/// The SDK's own retries are switched off: these services do not recognise a repeated message, so only the outbox may decide to repeat
/// one, and say that it did.
///
/// # Errors
/// All faults of the settings at once.
pub(crate) async fn load(
    access: &AwsAccess,
    provider: Option<SharedCredentialsProvider>,
) -> Result<SdkConfig, ConfigFaults> {
    let faults = access.validate();
    if !faults.is_empty() {
        return Err(ConfigFaults(faults));
    }
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client())
        .region(Region::new(access.region.clone()))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT.min(access.timeout))
                .operation_timeout(access.timeout)
                .build(),
        );
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(path) = &access.credentials_file {
        let files = EnvConfigFiles::builder().with_file(EnvConfigFileKind::Credentials, path);
        loader = loader.profile_files(files.build());
    }
    if let Some(provider) = provider {
        loader = loader.credentials_provider(provider);
    }
    let mut shared = loader.load().await;
    if let Some(role) = &access.role_arn {
        let mut assume = aws_config::sts::AssumeRoleProvider::builder(role)
            .session_name("watchkeeper-deliver")
            .configure(&shared);
        if let Some(external) = &access.external_id {
            assume = assume.external_id(external);
        }
        let role = SharedCredentialsProvider::new(assume.build().await);
        shared = shared.into_builder().credentials_provider(role).build();
    }
    // Set last: the role is asked for at STS, and not at the endpoint of the service.
    if let Some(url) = &access.endpoint_url {
        shared = shared.into_builder().endpoint_url(url).build();
    }
    Ok(shared)
}
