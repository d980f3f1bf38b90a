//! What the background and the story play in: the customers, the company's own people and addresses, and chance.

use super::company::{DOMAIN, DemoCustomer};
use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The customers and the seed from which everything that happens follows.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) seed: u64,
    pub(super) customers: Vec<DemoCustomer>,
}

/// Engineers who work on the company's own machines.
pub(super) const ENGINEERS: [&str; 4] = ["trey", "mlindqvist", "praman", "deploy"];

/// Programs that ask for pages and files.
pub(super) const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
];

/// The program by which customers' systems call the API.
pub(super) const API_AGENT: &str = "filedrop-sdk/3.8.1";

impl Scene {
    /// A customer, the busy ones more often.
    pub(super) fn customer(&self, dice: &mut Dice) -> Option<&DemoCustomer> {
        let all: u32 = self.customers.iter().map(|customer| customer.weight).sum();
        let mut left = dice.below(u64::from(all.max(1)));
        self.customers.iter().find(|customer| {
            let weight = u64::from(customer.weight);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        })
    }

    /// The customers with these tenants, in the order asked for.
    pub(super) fn customers_of(&self, tenants: &[&str]) -> Vec<&DemoCustomer> {
        let of = |tenant: &&str| {
            self.customers
                .iter()
                .find(|customer| customer.tenant() == *tenant)
        };
        tenants.iter().filter_map(of).collect()
    }

    /// Chance for one purpose at one second: what happens then follows from the seed and the instant alone, so that a turn that
    /// is taken again gives the same lines.
    pub(super) fn dice(&self, purpose: u64, second: i64) -> Dice {
        let mixed = mix(self.seed ^ mix(purpose)) ^ mix(second.unsigned_abs());
        Dice(StdRng::seed_from_u64(mixed))
    }
}

/// The finaliser of SplitMix64: neighbouring numbers become unlike ones.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Chance that can be had again.
#[derive(Debug)]
pub(super) struct Dice(StdRng);

impl Dice {
    /// A number from 0 up to, not including, `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.random_range(0..end.max(1))
    }

    /// A number in the closed range.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high.max(low))
    }

    /// True so many times in a thousand.
    pub(super) fn permille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }

    /// One of the items; the first where there is only one.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64);
        items.get(usize::try_from(index).unwrap_or(0))
    }

    /// How often something happens within a second that happens `rate` times a second on average.
    pub(super) fn times(&mut self, rate: f64) -> u64 {
        let whole = rate.max(0.0).trunc();
        whole as u64 + u64::from(self.0.random_bool((rate - whole).clamp(0.0, 1.0)))
    }

    /// An instant within the second that begins at `second`.
    pub(super) fn within(&mut self, second: DateTime<Utc>) -> DateTime<Utc> {
        second + TimeDelta::milliseconds(i64::try_from(self.below(1000)).unwrap_or(0))
    }

    /// Hex digits.
    pub(super) fn hex(&mut self) -> String {
        format!("{:012x}", self.0.random::<u64>() >> 16)
    }

    /// The address of somebody out on the internet (198.18.0.0/15).
    pub(super) fn public_address(&mut self) -> String {
        format!(
            "198.{}.{}.{}",
            self.between(18, 19),
            self.between(0, 255),
            self.between(1, 254)
        )
    }

    /// The address of somebody in the company's own network.
    pub(super) fn staff_address(&mut self) -> String {
        format!("10.20.4.{}", self.between(10, 29))
    }
}

/// The address of somebody at the company.
pub(super) fn staff(mailbox: &str) -> String {
    format!("{mailbox}@{DOMAIN}")
}
