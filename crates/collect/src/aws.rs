//! What both AWS sources need: credentials, the HTTP client, and the service's refusals in our words.

use crate::rate::{Bucket, Share};
use crate::source::CollectError;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
use aws_sdk_cloudwatchlogs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_cloudwatchlogs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudwatchlogs::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder as HttpClientBuilder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use watchkeeper_domain::clock::Clock;

/// What the account of the credentials is called where its number is not configured.
const OWN: &str = "self";

/// How long the first source of these credentials waits to learn that number. Where it does not, a source that reads the same account
/// through a role has an allowance of its own.
const OWN_ACCOUNT_WITHIN: Duration = Duration::from_secs(5);

/// Profile, file of credentials, and endpoint of STS.
type Credentials = (Option<String>, Option<PathBuf>, Option<String>);
/// What STS said of credentials; `None` where it could not be asked, so that sources do not wait for it one after the other.
static OWN_ACCOUNTS: LazyLock<Mutex<HashMap<Credentials, Option<String>>>> =
    LazyLock::new(|| Mutex::new(HashMap::new()));

/// How an account and region are reached.
#[derive(Debug, Clone)]
pub(crate) struct AwsAccess {
    pub(crate) region: String,
    pub(crate) profile: Option<String>,
    pub(crate) credentials_file: Option<PathBuf>,
    pub(crate) role_arn: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) sts_endpoint_url: Option<String>,
    pub(crate) account: Option<String>,
}

impl AwsAccess {
    /// The account as configured, or as the role names it; `self` for the account of the credentials.
    pub(crate) fn account(&self) -> &str {
        let of_role = || self.role_arn.as_deref().and_then(|arn| arn.split(':').nth(4));
        self.account
            .as_deref()
            .or_else(of_role)
            .filter(|a| !a.is_empty())
            .unwrap_or(OWN)
    }

    /// A share in the bucket of this service, account and region, whether it is read with a role or without.
    pub(crate) async fn share(&self, service: &'static str, calls_per_second: f64) -> Share {
        let place = format!("{} {}", self.region, self.endpoint_url.as_deref().unwrap_or(""));
        let own = match self.account() {
            // On the heap: whoever opens sources would have the whole call in a future of its own otherwise.
            OWN => Box::pin(self.own_account()).await,
            _ => None,
        };
        let account = own.as_deref().unwrap_or(self.account());
        Share::of(Bucket::shared(service, account, &place, calls_per_second))
    }

    /// The number of the account of the credentials, as STS tells everybody of themselves; `None` where it could not be asked. Events
    /// are not named after it: they are called what they were called before it was known.
    async fn own_account(&self) -> Option<String> {
        // A stand-in for a service says nothing of accounts.
        if self.endpoint_url.is_some() && self.sts_endpoint_url.is_none() {
            return None;
        }
        let key = (
            self.profile.clone(),
            self.credentials_file.clone(),
            self.sts_endpoint_url.clone(),
        );
        let known = OWN_ACCOUNTS
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(known) = known {
            return known;
        }
        let base = self.loader().load().await;
        let mut sts = aws_sdk_sts::config::Builder::from(&base);
        sts.set_endpoint_url(self.sts_endpoint_url.clone());
        let asked = aws_sdk_sts::Client::from_conf(sts.build());
        let told = match tokio::time::timeout(OWN_ACCOUNT_WITHIN, asked.get_caller_identity().send()).await {
            Ok(Ok(identity)) => identity.account.ok_or_else(|| "it names no account".to_owned()),
            Ok(Err(error)) => Err(told_by(&error)),
            Err(_) => Err(format!("no answer within {} s", OWN_ACCOUNT_WITHIN.as_secs())),
        };
        let account = told
            .inspect_err(|reason| {
                tracing::warn!(
                    region = %self.region, %reason,
                    "STS does not say whose the credentials are: a source that reads the same account through a role takes as many \
                     calls again; set `account` where there is one"
                );
            })
            .ok();
        let mut all = OWN_ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, account.clone());
        account
    }

    /// What an SDK client is made of. Makes no call; credentials are fetched with the first one.
    pub(crate) async fn sdk_config(&self) -> SdkConfig {
        let base = self.loader().load().await;
        let Some(role_arn) = &self.role_arn else {
            return self.at_endpoint(base);
        };
        let mut sts = base.clone().into_builder();
        sts.set_endpoint_url(self.sts_endpoint_url.clone());
        let mut role = AssumeRoleProvider::builder(role_arn).session_name("watchkeeper");
        if let Some(external_id) = &self.external_id {
            role = role.external_id(external_id);
        }
        let role = role.configure(&sts.build()).build().await;
        let credentials = aws_credential_types::provider::SharedCredentialsProvider::new(role);
        self.at_endpoint(base.into_builder().credentials_provider(credentials).build())
    }

    fn at_endpoint(&self, config: SdkConfig) -> SdkConfig {
        let Some(endpoint) = &self.endpoint_url else {
            return config;
        };
        config.into_builder().endpoint_url(endpoint).build()
    }

    fn loader(&self) -> aws_config::ConfigLoader {
        use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
        let http = HttpClientBuilder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .operation_attempt_timeout(Duration::from_secs(30))
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .http_client(http)
            .timeout_config(timeouts)
            // Few attempts, since the next reading is another: 0, 150 ms, 300 ms, 600 ms.
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(4)
                    .with_initial_backoff(Duration::from_millis(150))
                    .with_max_backoff(Duration::from_secs(5)),
            );
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(path) = &self.credentials_file {
            let files = EnvConfigFiles::builder().with_file(EnvConfigFileKind::Credentials, path);
            loader = loader.profile_files(files.build());
        }
        loader
    }
}

/// Watches every attempt of a client: counts it, slows the bucket when the service throttles, and can keep the body of an answer.
#[derive(Debug)]
pub(crate) struct Watch {
    bucket: Arc<Bucket>,
    clock: Arc<dyn Clock>,
    calls: AtomicU64,
    throttled: AtomicU64,
    /// The body of the last successful answer.
    body: Mutex<Option<Vec<u8>>>,
    keeps_body: bool,
}

/// The watch as the SDK takes it.
#[derive(Debug, Clone)]
pub(crate) struct Watching(pub(crate) Arc<Watch>);

impl Watch {
    pub(crate) fn new(bucket: Arc<Bucket>, clock: Arc<dyn Clock>, keeps_body: bool) -> Arc<Self> {
        Arc::new(Self {
            bucket,
            clock,
            calls: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            body: Mutex::new(None),
            keeps_body,
        })
    }

    /// Attempts, and refused attempts, since it was last asked.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.calls.swap(0, Ordering::Relaxed),
            self.throttled.swap(0, Ordering::Relaxed),
        )
    }

    /// The body of the last successful answer, once.
    pub(crate) fn take_body(&self) -> Option<Vec<u8>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intercept for Watching {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.0.keeps_body && context.output_or_error().is_ok() {
            let body = context.response().body().bytes().map(<[u8]>::to_vec);
            *self.0.body.lock().unwrap_or_else(PoisonError::into_inner) = body;
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let Some(response) = context.response().filter(|r| !r.status().is_success()) else {
            return Ok(());
        };
        let told = |text: &str| THROTTLES.iter().any(|word| text.contains(word));
        let in_header = response.headers().get("x-amzn-errortype").is_some_and(told);
        let in_body = || {
            response
                .body()
                .bytes()
                .is_some_and(|b| told(&String::from_utf8_lossy(b)))
        };
        if response.status().as_u16() == 429 || in_header || in_body() {
            self.0.throttled.fetch_add(1, Ordering::Relaxed);
            self.0.bucket.throttled(self.0.clock.now());
        }
        Ok(())
    }
}

/// What the codes contain with which services refuse a call for coming too often.
const THROTTLES: [&str; 5] = [
    "Throttl",
    "TooManyRequests",
    "ProvisionedThroughput",
    "LimitExceeded",
    "RequestLimit",
];

/// What an error and those below it say. (The SDK's own view adds all their parts, with whole answers.)
fn told_by(error: &dyn std::error::Error) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        if said.last().is_none_or(|last| !last.contains(&words)) {
            said.push(words);
        }
        next = error.source();
    }
    said.join(": ")
}

/// A call that failed, in our words.
pub(crate) fn refusal<E>(
    error: &SdkError<E, HttpResponse>,
    action: &'static str,
    resource: &str,
) -> CollectError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let reason = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        // Whoever stands between us and AWS answers in a form of its own.
        (None, _) if status.is_some_and(|status| status >= 400) => {
            let status = status.unwrap_or_default();
            format!("HTTP {status}, in a form that AWS does not use: is `endpoint_url` AWS or a proxy?")
        }
        _ => told_by(error),
    };
    let reason: String = reason.chars().take(400).collect();
    let resource = resource.to_owned();
    match error.code().unwrap_or_default() {
        code if THROTTLES.iter().any(|word| code.contains(word)) => CollectError::Retryable {
            what: format!("AWS throttles {action} on {resource}"),
            after: Some(Duration::from_secs(2)),
        },
        code if code.starts_with("AccessDenied")
            || code.starts_with("Unauthorized")
            || code == "AuthorizationError" =>
        {
            CollectError::Refused {
                action,
                resource,
                reason,
            }
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationTokenException" => CollectError::Credentials { resource, reason },
        "ResourceNotFoundException" | "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
            CollectError::NotFound {
                what: resource,
                remedy: format!("check its name, the region and the account ({reason})"),
            }
        }
        "" if matches!(status, Some(401 | 403)) => CollectError::Refused {
            action,
            resource,
            reason,
        },
        "" if reason.contains("redentials") => CollectError::Credentials { resource, reason },
        _ => CollectError::Retryable {
            what: format!("{action} on {resource} failed: {reason}"),
            after: Some(Duration::from_secs(10)),
        },
    }
}
