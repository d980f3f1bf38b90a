//! What DNS says to receivers of our mail: texts, addresses, mail exchangers.
//!
//! A question is asked anew each time, so that what was just published is seen as soon as the server sees it, and is answered within
//! [`PATIENCE`] or not at all. That a name has no such record is an answer; that nobody could be asked is another.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use watchkeeper_domain::preflight::Answer;

/// How long a server has to answer one packet.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// How long one question may take altogether, over all servers.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest answer that is looked at, in records: a name with more is nothing that mail needs.
const MOST_RECORDS: usize = 100;

/// Asks one DNS server, or those of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dns {
    server: Option<SocketAddr>,
}

impl Dns {
    /// Asks this server; none asks those that the machine is set up with.
    #[must_use]
    pub fn at(server: Option<SocketAddr>) -> Self {
        Self { server }
    }

    /// The texts of a name, each of its strings joined.
    pub async fn texts(&self, name: &str) -> Answer<Vec<String>> {
        self.ask(name, RecordType::TXT, |data| match data {
            RData::TXT(text) => {
                let bytes = text.txt_data.concat();
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => None,
        })
        .await
    }

    /// The addresses of a name, of both kinds.
    pub async fn addresses(&self, name: &str) -> Answer<Vec<IpAddr>> {
        let address = |data: &RData| data.ip_addr();
        let (v4, v6) = tokio::join!(
            self.ask(name, RecordType::A, address),
            self.ask(name, RecordType::AAAA, address)
        );
        match (v4, v6) {
            (Answer::Found(mut all), Answer::Found(more)) => {
                all.extend(more);
                Answer::Found(all)
            }
            (Answer::Found(all), _) | (_, Answer::Found(all)) => Answer::Found(all),
            (Answer::Unknown(fault), _) | (_, Answer::Unknown(fault)) => Answer::Unknown(fault),
            (Answer::Nothing, Answer::Nothing) => Answer::Nothing,
        }
    }

    /// The mail exchangers of a name, the preferred first.
    pub async fn exchangers(&self, name: &str) -> Answer<Vec<String>> {
        let found = self
            .ask(name, RecordType::MX, |data| match data {
                RData::MX(exchanger) => Some((
                    exchanger.preference,
                    exchanger
                        .exchange
                        .to_utf8()
                        .trim_end_matches('.')
                        .to_ascii_lowercase(),
                )),
                _ => None,
            })
            .await;
        match found {
            Answer::Found(mut all) => {
                all.sort();
                Answer::Found(all.into_iter().map(|(_, host)| host).collect())
            }
            Answer::Nothing => Answer::Nothing,
            Answer::Unknown(fault) => Answer::Unknown(fault),
        }
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Answer<Vec<T>> {
        let resolver = match self.resolver() {
            Ok(resolver) => resolver,
            Err(fault) => return Answer::Unknown(fault),
        };
        // With its dot at the end a name is whole, and no domain of the machine is tried behind it.
        let whole = format!("{}.", name.trim_end_matches('.'));
        match tokio::time::timeout(PATIENCE, resolver.lookup(whole, kind)).await {
            Err(_) => Answer::Unknown(format!("no answer within {} s", PATIENCE.as_secs())),
            Ok(Err(error)) if has_none(&error) => Answer::Nothing,
            Ok(Err(error)) => Answer::Unknown(crate::one_line(&error.to_string())),
            Ok(Ok(lookup)) => answered(&lookup, read),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, String> {
        let builder = match self.server {
            None => TokioResolver::builder_tokio()
                .map_err(|error| format!("this machine's DNS settings cannot be read: {error}"))?,
            Some(server) => {
                let port = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections = vec![port(ConnectionConfig::udp()), port(ConnectionConfig::tcp())];
                let server = NameServerConfig::new(server.ip(), true, connections);
                let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let mut builder = builder;
        let options = builder.options_mut();
        options.timeout = ANSWER_WITHIN;
        options.attempts = 2;
        options.cache_size = 0;
        // A file on this machine is nothing that receivers of our mail see.
        options.use_hosts_file = ResolveHosts::Never;
        builder
            .build()
            .map_err(|error| format!("no DNS server can be asked: {error}"))
    }
}

/// Whether the server says that there is no such record. A server that fails, or refuses, says nothing.
fn has_none(error: &NetError) -> bool {
    matches!(
        error,
        NetError::Dns(DnsError::NoRecordsFound(none))
            if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
    )
}

fn answered<T>(lookup: &Lookup, read: impl Fn(&RData) -> Option<T>) -> Answer<Vec<T>> {
    let records = lookup.answers().iter().take(MOST_RECORDS);
    let found: Vec<T> = records.filter_map(|record| read(&record.data)).collect();
    if found.is_empty() {
        Answer::Nothing
    } else {
        Answer::Found(found)
    }
}
