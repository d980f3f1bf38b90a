//! SNS itself, as far as its messages need it: the certificates that it signs with, and where a subscription is confirmed.

use crate::aws;
use async_trait::async_trait;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::http::Request;
use aws_smithy_types::byte_stream::ByteStream;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Mutex;
use watchkeeper_domain::sns::{CertificateAddress, Confirmation};

/// How long an answer may take altogether.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an answer may be, in bytes; a certificate has some 2 kB.
const LONGEST: usize = 64 * 1024;

/// How many certificates are kept. SNS changes them some times a year; the addresses are of its own host, and most of them lead to
/// nothing.
const MOST: usize = 32;

/// SNS could not be asked, or did not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("SNS cannot be asked: {0}")]
pub struct OriginError(String);

/// Where messages of SNS come from.
#[async_trait]
pub trait SnsOrigin: Send + Sync + std::fmt::Debug {
    /// The certificate that lies at an address, as PEM.
    ///
    /// # Errors
    /// [`OriginError`].
    async fn certificate(&self, address: &CertificateAddress) -> Result<Vec<u8>, OriginError>;

    /// Confirms a subscription.
    ///
    /// # Errors
    /// [`OriginError`].
    async fn confirm(&self, confirmation: &Confirmation) -> Result<(), OriginError>;
}

/// SNS over HTTPS. Addresses are of the types that lead to SNS alone, redirects are not followed, and answers are bounded.
#[derive(Debug)]
pub struct SnsOverHttps {
    connector: SharedHttpConnector,
    kept: Mutex<BTreeMap<CertificateAddress, Vec<u8>>>,
}

impl Default for SnsOverHttps {
    fn default() -> Self {
        Self {
            connector: aws::https_connector(),
            kept: Mutex::default(),
        }
    }
}

impl SnsOverHttps {
    async fn get(&self, address: &str) -> Result<Vec<u8>, OriginError> {
        let asked = tokio::time::timeout(PATIENCE, self.answer(address)).await;
        asked.unwrap_or_else(|_| Err(OriginError(format!("no answer within {} s", PATIENCE.as_secs()))))
    }

    async fn answer(&self, address: &str) -> Result<Vec<u8>, OriginError> {
        let broken = |fault: &dyn std::fmt::Display| OriginError(crate::one_line(&fault.to_string()));
        let request = Request::get(address).map_err(|fault| broken(&fault))?;
        let answer = self
            .connector
            .call(request)
            .await
            .map_err(|fault| broken(&fault))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(OriginError(format!("it answers {}", status.as_u16())));
        }
        let mut body = ByteStream::new(answer.into_body());
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|fault| broken(&fault))?);
            if bytes.len() > LONGEST {
                return Err(OriginError(format!("its answer is longer than {LONGEST} bytes")));
            }
        }
        Ok(bytes)
    }
}

#[async_trait]
impl SnsOrigin for SnsOverHttps {
    /// What was fetched once is kept: an address that SNS gave a certificate leads to the same one for good.
    async fn certificate(&self, address: &CertificateAddress) -> Result<Vec<u8>, OriginError> {
        // One asks at a time: a flood of messages with made-up addresses waits here, and not at SNS.
        let mut kept = self.kept.lock().await;
        if let Some(pem) = kept.get(address) {
            return Ok(pem.clone());
        }
        let pem = self.get(address.as_str()).await?;
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(address.clone(), pem.clone());
        Ok(pem)
    }

    async fn confirm(&self, confirmation: &Confirmation) -> Result<(), OriginError> {
        self.get(confirmation.as_str()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers every request with this; gives its address.
    async fn answering(head: &'static str, body: Vec<u8>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}/a.pem", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1024];
                let _ = stream.read(&mut asked).await;
                let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn an_answer_is_taken_whole_and_only_so_long() {
        let sns = SnsOverHttps::default();
        let address = answering("200 OK", b"PEM".to_vec()).await;
        assert_eq!(sns.get(&address).await, Ok(b"PEM".to_vec()));
        let address = answering("200 OK", vec![b'x'; LONGEST + 1]).await;
        let fault = sns.get(&address).await.unwrap_err().to_string();
        assert!(fault.contains("longer than"), "{fault}");
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed_and_an_error_is_said() {
        let sns = SnsOverHttps::default();
        let elsewhere = answering("302 Found\r\nlocation: http://127.0.0.1:1/", Vec::new()).await;
        let fault = sns.get(&elsewhere).await.unwrap_err().to_string();
        assert_eq!(fault, "SNS cannot be asked: it answers 302");
        let nobody = sns.get("http://127.0.0.1:1/a.pem").await;
        assert!(nobody.is_err(), "{nobody:?}");
    }
}
