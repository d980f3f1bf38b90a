//! Where log groups are: an account and region each, with its own client and its own allowance of calls; and which groups of it are read.

use super::group::Group;
use crate::aws::{self, AwsAccess, Watch, Watching};
use crate::config::CloudwatchLogsConfig;
use crate::rate::Share;
use crate::source::{CollectError, Remark};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata as _;
use chrono::{DateTime, Duration, Utc};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use watchkeeper_domain::clock::Clock;

/// How often groups are looked for again.
const DISCOVER_EVERY: Duration = Duration::minutes(10);
/// How many groups are read in an account and region, so that a mistyped prefix does not fill the memory. The first by name are.
const MOST_GROUPS: usize = 10_000;
/// How many are looked for before nobody counts on.
const MOST_COUNTED: usize = 100_000;

/// One account and region.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) client: Client,
    watch: Arc<Watch>,
    pub(super) share: Share,
    /// The same for looking for groups: AWS counts each action for itself, and a throttled list is no reason to read less.
    lists: Client,
    lists_watch: Arc<Watch>,
    lists_share: Share,
    /// What stands before the names of its groups in the cursor; nothing where there is one place only.
    pub(super) mark: String,
    /// Tags of groups that were asked for, by ARN.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// A look at its groups that the calls of a turn were not enough for.
    look: Option<Look>,
    /// How many groups are wanted, where these are more than are read.
    too_many: Option<usize>,
}

/// The names that a look has found.
enum Found {
    All(BTreeSet<String>),
    SoFar(BTreeSet<String>),
}

/// How far a look at the groups of a place has come.
#[derive(Debug)]
struct Look {
    found: BTreeSet<String>,
    /// How many prefixes were asked for to the end.
    prefixes: usize,
    /// The page after the last one of the next prefix.
    token: Option<String>,
    /// Groups of the last page whose tags are still to be asked for: name and ARN.
    untagged: VecDeque<(String, String)>,
    /// Whether the last page of the next prefix was read.
    ended: bool,
}

/// How many calls a look takes of a turn at most, so that reading does not wait for it.
const CALLS_A_TURN: u32 = 10;

/// Which groups are read.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) names: Vec<String>,
    pub(super) prefixes: Vec<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) excluded: Vec<String>,
}

impl Wanted {
    pub(super) fn of(config: &CloudwatchLogsConfig) -> Self {
        Self {
            names: config.log_groups.clone(),
            prefixes: config.log_group_prefixes.clone(),
            tags: config.log_group_tags.clone(),
            excluded: config.exclude_log_groups.clone(),
        }
    }

    /// Whether groups must be asked for; otherwise their names are all there is.
    pub(super) fn must_discover(&self) -> bool {
        !self.prefixes.is_empty() || !self.tags.is_empty()
    }
}

/// One place for each account and region that the configuration names.
pub(super) async fn open(config: &CloudwatchLogsConfig, clock: &Arc<dyn Clock>) -> Vec<Place> {
    let mut all = Vec::new();
    for access in accesses(config) {
        let base = access.sdk_config().await;
        let watched = |share: &Share| {
            let watch = Watch::new(share.bucket().clone(), clock.clone(), false);
            let sdk = aws_sdk_cloudwatchlogs::config::Builder::from(&base)
                .interceptor(Watching(watch.clone()))
                .build();
            (Client::from_conf(sdk), watch)
        };
        let share = access.share("logs", config.calls_per_second).await;
        let (client, watch) = watched(&share);
        let lists_share = access.share("lists of logs", config.calls_per_second).await;
        let (lists, lists_watch) = watched(&lists_share);
        let mark = if config.accounts.is_empty() {
            String::new()
        } else {
            format!("{} {} ", access.account(), access.region)
        };
        all.push(Place {
            account: access.account().to_owned(),
            region: access.region.clone(),
            client,
            watch,
            share,
            lists,
            lists_watch,
            lists_share,
            mark,
            tags: BTreeMap::new(),
            look: None,
            too_many: None,
        });
    }
    all
}

/// How each account and region is reached.
pub(crate) fn accesses(config: &CloudwatchLogsConfig) -> Vec<AwsAccess> {
    let own = config.access();
    if config.accounts.is_empty() {
        return vec![own];
    }
    let mut all = Vec::new();
    for account in &config.accounts {
        let regions = if account.regions.is_empty() {
            std::slice::from_ref(&config.region)
        } else {
            account.regions.as_slice()
        };
        all.extend(regions.iter().map(|region| AwsAccess {
            region: region.clone(),
            role_arn: Some(account.role_arn.clone()),
            external_id: account.external_id.clone(),
            account: None,
            ..own.clone()
        }));
    }
    all
}

impl Place {
    /// What counts its calls.
    pub(super) fn watches(&self) -> [&Watch; 2] {
        [&self.watch, &self.lists_watch]
    }

    /// What to say as long as more groups are wanted than are read.
    pub(super) fn too_many(&self) -> Option<Remark> {
        let wanted = self.too_many?;
        Some(Remark::Failing {
            what: format!("the list of log groups of {} in {}", self.account, self.region),
            reason: format!(
                "{MOST_GROUPS} of its {wanted} log groups are read, and the others are not: write longer prefixes or tags, or \
                 exclude_log_groups"
            ),
        })
    }

    /// What to call a group of it in a message.
    pub(super) fn resource(&self, group: &str) -> String {
        if self.mark.is_empty() {
            format!("log group {group}")
        } else {
            format!("log group {group} of {} in {}", self.account, self.region)
        }
    }

    /// The names of the groups that are wanted. When the calls are used up for now these are not all, and the next turn goes on.
    async fn discover(&mut self, wanted: &Wanted, now: DateTime<Utc>) -> Result<Found, CollectError> {
        let mut look = self.look.take().unwrap_or_else(|| Look {
            found: wanted.names.iter().cloned().collect(),
            prefixes: 0,
            token: None,
            untagged: VecDeque::new(),
            ended: false,
        });
        // What failed is looked for from the start: a token that is too old would fail for ever.
        let all = self.go_on(&mut look, wanted, now).await?;
        look.found.retain(|name| !is_excluded(name, &wanted.excluded));
        if all {
            return Ok(Found::All(look.found));
        }
        let names = look.found.clone();
        self.look = Some(look);
        Ok(Found::SoFar(names))
    }

    /// Goes on with a look; false when the calls are used up.
    async fn go_on(
        &mut self,
        look: &mut Look,
        wanted: &Wanted,
        now: DateTime<Utc>,
    ) -> Result<bool, CollectError> {
        let mut calls = CALLS_A_TURN;
        let everything = [String::new()];
        let prefixes = if wanted.prefixes.is_empty() && !wanted.tags.is_empty() {
            &everything[..]
        } else {
            &wanted.prefixes
        };
        while let Some(prefix) = prefixes.get(look.prefixes) {
            while let Some((name, arn)) = look.untagged.front() {
                let Some(tagged) = self.is_tagged(arn, &wanted.tags, &mut calls, now).await? else {
                    return Ok(false);
                };
                if tagged {
                    look.found.insert(name.clone());
                }
                look.untagged.pop_front();
            }
            if look.ended || look.found.len() > MOST_COUNTED {
                (look.token, look.ended) = (None, false);
                look.prefixes += 1;
                continue;
            }
            if !self.may_call(&mut calls, now) {
                return Ok(false);
            }
            let answer = self
                .lists
                .describe_log_groups()
                .set_log_group_name_prefix(Some(prefix.clone()).filter(|prefix| !prefix.is_empty()))
                .set_next_token(look.token.clone())
                .send()
                .await
                .map_err(|e| {
                    aws::refusal(
                        &e,
                        "logs:DescribeLogGroups",
                        &self.resource(&format!("{prefix}*")),
                    )
                })?;
            for group in answer.log_groups() {
                let Some(name) = group.log_group_name() else {
                    continue;
                };
                let arn = group.log_group_arn().or(group.arn()).unwrap_or_default();
                let arn = arn.strip_suffix(":*").unwrap_or(arn).to_owned();
                look.untagged.push_back((name.to_owned(), arn));
            }
            let next = answer.next_token().filter(|next| !next.is_empty());
            look.ended = next.is_none() || next == look.token.as_deref();
            look.token = next.map(ToOwned::to_owned);
        }
        Ok(true)
    }

    fn may_call(&self, calls: &mut u32, now: DateTime<Utc>) -> bool {
        let may = *calls > 0 && self.lists_share.take(1, now);
        *calls -= u32::from(may);
        may
    }

    /// Whether a group has every wanted tag; tags are asked for once, since each takes a call. `None` when the calls are used up.
    async fn is_tagged(
        &mut self,
        arn: &str,
        wanted: &BTreeMap<String, String>,
        calls: &mut u32,
        now: DateTime<Utc>,
    ) -> Result<Option<bool>, CollectError> {
        if wanted.is_empty() {
            return Ok(Some(true));
        }
        if !self.tags.contains_key(arn) {
            if !self.may_call(calls, now) {
                return Ok(None);
            }
            let asked = self.lists.list_tags_for_resource().resource_arn(arn).send();
            let tags = match asked.await {
                Ok(answer) => answer.tags.unwrap_or_default().into_iter().collect(),
                // A group that was deleted since it was listed has no tags, and stops no look at the others.
                Err(error) if error.code() == Some("ResourceNotFoundException") => BTreeMap::new(),
                Err(error) => return Err(aws::refusal(&error, "logs:ListTagsForResource", arn)),
            };
            self.tags.insert(arn.to_owned(), tags);
        }
        let has =
            |tags: &BTreeMap<String, String>| wanted.iter().all(|(key, value)| tags.get(key) == Some(value));
        Ok(Some(self.tags.get(arn).is_some_and(has)))
    }
}

/// Whether a name is one of these, of which a `*` at the end stands for anything.
pub(crate) fn is_excluded(name: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    })
}

/// When groups are looked for again.
#[derive(Debug)]
pub(super) struct Discovery {
    places: Vec<Looking>,
}

/// The same, of one place.
#[derive(Debug, Clone, Default)]
struct Looking {
    due_at: Option<DateTime<Utc>>,
    /// How often it was looked.
    rounds: u32,
    /// The last round for which the tags were forgotten.
    forgot_tags_in: u32,
}

impl Discovery {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: vec![Looking::default(); places],
        }
    }

    /// Looks for groups where it is time: what is new is read, what is gone is not read any more. Gives the faults, by place.
    pub(super) async fn turn(
        &mut self,
        places: &mut [Place],
        wanted: &Wanted,
        groups: &mut Vec<Group>,
        now: DateTime<Utc>,
        mut begin: impl FnMut(usize, &str) -> Group,
    ) -> Vec<(usize, CollectError)> {
        let mut faults = Vec::new();
        for (index, (place, looking)) in places.iter_mut().zip(&mut self.places).enumerate() {
            if looking.due_at.is_some_and(|due| due > now) {
                continue;
            }
            // Tags change seldom: every sixth round, an hour, they are asked for again; once, though the round may fail and begin anew.
            if looking.rounds % 6 == 5 && looking.forgot_tags_in != looking.rounds {
                looking.forgot_tags_in = looking.rounds;
                place.tags.clear();
            }
            let found = if wanted.must_discover() {
                place.discover(wanted, now).await
            } else {
                Ok(Found::All(wanted.names.iter().cloned().collect()))
            };
            let names = match found {
                Ok(Found::All(names)) => {
                    place.too_many = Some(names.len()).filter(|count| *count > MOST_GROUPS);
                    let names: BTreeSet<String> = names.into_iter().take(MOST_GROUPS).collect();
                    looking.due_at = Some(now + DISCOVER_EVERY);
                    looking.rounds = looking.rounds.wrapping_add(1);
                    groups.retain(|group| group.place != index || names.contains(&group.name));
                    names
                }
                // These are read already, and the next reading looks on from there.
                Ok(Found::SoFar(names)) => names.into_iter().take(MOST_GROUPS).collect(),
                Err(fault) => {
                    looking.due_at = Some(now + Duration::minutes(1));
                    faults.push((index, fault));
                    continue;
                }
            };
            let known: BTreeSet<String> = groups
                .iter()
                .filter(|group| group.place == index)
                .map(|group| group.name.clone())
                .collect();
            groups.extend(names.difference(&known).map(|name| begin(index, name)));
        }
        faults
    }
}
