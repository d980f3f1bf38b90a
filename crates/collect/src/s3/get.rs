//! GetObject, signed (Signature Version 4). Takes an object and a place; gives its body as it comes.
//!
//! Source: Amazon S3 API Reference, "GetObject"; AWS General Reference, "Signature Version 4".

use super::notice::Object;
use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::byte_stream::ByteStream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;
use std::time::Duration;
use watchkeeper_domain::clock::Clock;

/// How long S3 may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a refusal is read.
const LONGEST_REFUSAL: usize = 64 << 10;

/// What a path keeps as it is: the unreserved characters of RFC 3986 and the slash.
const PATH: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');
const QUERY: AsciiSet = PATH.add(b'/');

/// Why an object could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ObjectFault {
    /// It may go by itself: the network, S3's load, credentials that ran out.
    Passing(String),
    /// It is not allowed, of which nobody can tell whether it is this object alone.
    Refused(String),
    /// It is the object: gone, replaced, damaged.
    Poison(String),
}

impl ObjectFault {
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Passing(reason) | Self::Refused(reason) | Self::Poison(reason) => reason,
        }
    }
}

/// Gets objects.
#[derive(Debug)]
pub(super) struct Getter {
    connector: SharedHttpConnector,
    config: SdkConfig,
    region: String,
    endpoint: Option<String>,
    clock: Arc<dyn Clock>,
}

impl Getter {
    pub(super) fn new(
        config: SdkConfig,
        region: &str,
        endpoint: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        Self {
            connector: SharedHttpConnector::new(connector),
            config,
            region: region.to_owned(),
            endpoint,
            clock,
        }
    }

    /// The content of an object from a byte on; nothing where it has no more.
    pub(super) async fn get(&self, object: &Object, from: u64) -> Result<ByteStream, ObjectFault> {
        let request = self.request(object, from).await?;
        let answer = tokio::time::timeout(PATIENCE, self.connector.call(request))
            .await
            .map_err(|_| ObjectFault::Passing(format!("S3 does not answer within {} s", PATIENCE.as_secs())))?
            .map_err(|fault| {
                ObjectFault::Passing(format!("S3 cannot be reached: {}", shorten(&fault.to_string())))
            })?;
        let status = answer.status().as_u16();
        // It is asked for the rest behind its end when everything was read, and only that was not committed.
        if status == 416 {
            return Ok(ByteStream::from_static(b""));
        }
        let body = ByteStream::new(answer.into_body());
        if status == 200 && from > 0 {
            return Err(ObjectFault::Passing(
                "S3 answers with the whole object where a part was asked for".into(),
            ));
        }
        if (200..300).contains(&status) {
            return Ok(body);
        }
        Err(refusal(status, body, object).await)
    }

    async fn request(&self, object: &Object, from: u64) -> Result<HttpRequest, ObjectFault> {
        let passing = |what: &str, fault: &dyn std::fmt::Display| {
            ObjectFault::Passing(format!("{what}: {}", shorten(&fault.to_string())))
        };
        let region = object.region.as_deref().unwrap_or(&self.region);
        let address = address(object, region, self.endpoint.as_deref());
        let mut headers: Vec<(&str, String)> = Vec::new();
        if from > 0 {
            headers.push(("range", format!("bytes={from}-")));
        }
        if let (Some(etag), None) = (&object.etag, &object.version)
            && etag.bytes().all(|b| b.is_ascii_graphic() && b != b'"')
        {
            headers.push(("if-match", format!("\"{etag}\"")));
        }
        let provider = self
            .config
            .credentials_provider()
            .ok_or_else(|| ObjectFault::Passing("there are no credentials".into()))?;
        let identity = provider
            .provide_credentials()
            .await
            .map_err(|fault| passing("no usable AWS credentials", &fault))?
            .into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name("s3")
            .time(self.clock.now().into())
            .settings(settings)
            .build()
            .map_err(|fault| passing("the request cannot be signed", &fault))?
            .into();
        let told = headers.iter().map(|(name, value)| (*name, value.as_str()));
        let signable = SignableRequest::new("GET", address.clone(), told, SignableBody::Bytes(&[]))
            .map_err(|fault| passing("the request cannot be signed", &fault))?;
        let (signature, _) = sign(signable, &params)
            .map_err(|fault| passing("the request cannot be signed", &fault))?
            .into_parts();
        let mut request =
            HttpRequest::get(&address).map_err(|fault| passing("the address is no address", &fault))?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value);
        }
        for (name, value) in signature.headers() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }
}

/// Where an object lies: below its bucket's own host, or, where there is an endpoint, or a dot in the bucket's name for which no
/// certificate stands, below the bucket's path.
fn address(object: &Object, region: &str, endpoint: Option<&str>) -> String {
    let Object {
        bucket, key, version, ..
    } = object;
    let key = utf8_percent_encode(key, &PATH);
    let query = version
        .as_ref()
        .map(|version| format!("?versionId={}", utf8_percent_encode(version, &QUERY)))
        .unwrap_or_default();
    let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
    let bucket_in_path = utf8_percent_encode(bucket, &QUERY);
    match endpoint {
        Some(endpoint) => format!("{}/{bucket_in_path}/{key}{query}", endpoint.trim_end_matches('/')),
        None if is_host(bucket) => format!("https://{bucket}.s3.{region}.amazonaws.com{suffix}/{key}{query}"),
        None => format!("https://s3.{region}.amazonaws.com{suffix}/{bucket_in_path}/{key}{query}"),
    }
}

/// Whether a bucket's name may be the first part of a host's name.
fn is_host(bucket: &str) -> bool {
    (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

async fn refusal(status: u16, mut body: ByteStream, object: &Object) -> ObjectFault {
    let mut text = Vec::new();
    while let Ok(Some(Ok(piece))) = tokio::time::timeout(PATIENCE, body.next()).await {
        text.extend_from_slice(&piece);
        if text.len() > LONGEST_REFUSAL {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text);
    let part = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(shorten(rest.split_once('<')?.0))
    };
    let code = part("Code").unwrap_or_default();
    let said = format!("{status} {code} {}", part("Message").unwrap_or_default());
    match (status, code.as_str()) {
        (
            _,
            "ExpiredToken"
            | "RequestTimeTooSkewed"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "SlowDown",
        ) => ObjectFault::Passing(said),
        (404, _) => ObjectFault::Poison(format!("it is not there ({said})")),
        (412, _) => ObjectFault::Poison(format!("it was replaced before it was read ({said})")),
        (403, "InvalidObjectState") => ObjectFault::Poison(format!("it is archived; restore it ({said})")),
        (401 | 403, _) => ObjectFault::Refused(format!(
            "access to {object} is refused: allow `s3:GetObject` on it, and `kms:Decrypt` on its key where it is encrypted ({said})"
        )),
        (400, _) => ObjectFault::Poison(said),
        _ => ObjectFault::Passing(said),
    }
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(bucket: &str, key: &str, version: Option<&str>) -> Object {
        Object {
            bucket: bucket.into(),
            key: key.into(),
            version: version.map(Into::into),
            etag: None,
            region: None,
        }
    }

    #[test]
    fn an_object_has_the_address_that_its_bucket_and_region_give() {
        let plain = address(&object("logs", "a b/ä+~.gz", Some("v/1")), "eu-central-1", None);
        assert_eq!(
            plain,
            "https://logs.s3.eu-central-1.amazonaws.com/a%20b/%C3%A4%2B~.gz?versionId=v%2F1"
        );
        let dotted = address(&object("logs.example", "k", None), "cn-north-1", None);
        assert_eq!(dotted, "https://s3.cn-north-1.amazonaws.com.cn/logs.example/k");
        let strange = address(&object("evil/@host#", "k", None), "eu-central-1", None);
        assert_eq!(
            strange,
            "https://s3.eu-central-1.amazonaws.com/evil%2F%40host%23/k"
        );
        let emulated = address(
            &object("logs", "/k", None),
            "eu-central-1",
            Some("http://127.0.0.1:5000/"),
        );
        assert_eq!(emulated, "http://127.0.0.1:5000/logs//k");
    }
}
