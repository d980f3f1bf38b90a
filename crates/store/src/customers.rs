//! Customers: found by id, by the company's own key, and by the tenant identifiers that evidence names.

use crate::body::{found, parse, pattern, read, read_all, write};
use crate::page::{Page, PageRequest};
use crate::statement::{Statement, sql};
use crate::{StoreError, Tx};
use watchkeeper_domain::customer::Customer;
use watchkeeper_domain::id::CustomerId;

const CUSTOMER: &str = "customer";
const PROBE: (&str, &str) = (CUSTOMER, "SELECT version FROM customer WHERE id = $1");

/// How many values go into one list of a query; SQLite and PostgreSQL take more.
const CHUNK: usize = 500;

/// Binds what `INSERT` and `UPDATE` have in common, in the order of the columns.
fn columns(statement: Statement, customer: &Customer) -> Result<Statement, StoreError> {
    let tags = customer
        .tags
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n");
    let search = format!("{}\n{}\n{tags}", customer.name, customer.key).to_lowercase();
    Ok(statement
        .bind(&customer.id)
        .bind(customer.key.as_str())
        .bind(customer.version)
        .bind(customer.name.to_lowercase())
        .bind(search)
        .bind(write(CUSTOMER, customer.id.as_str(), customer)?)
        .bind(customer.paying))
}

impl Tx {
    /// Keeps a customer: a new one where `read_version` is `None`, else a changed one.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when another customer has the key or one of the tenants; [`StoreError::Conflict`] when another version
    /// stands.
    pub async fn upsert_customer(
        &mut self,
        customer: &Customer,
        read_version: Option<i64>,
    ) -> Result<(), StoreError> {
        match read_version {
            None => self.insert_customer(customer).await?,
            Some(version) => {
                let update = sql(
                    "UPDATE customer SET key = $2, version = $3, sort_name = $4, search = $5, body = $6, \
                     paying = $7 WHERE id = $1 AND version = $8",
                );
                self.customer_key_is_free(customer).await?;
                let changed = self.execute(columns(update, customer)?.bind(version)).await?;
                self.must_have_changed(changed, PROBE, customer.id.as_str(), version)
                    .await?;
            }
        }
        self.claim_tenants(customer).await
    }

    async fn insert_customer(&mut self, customer: &Customer) -> Result<(), StoreError> {
        let insert = sql(
            "INSERT INTO customer (id, key, version, sort_name, search, body, paying) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (key) DO NOTHING",
        );
        if self.execute(columns(insert, customer)?).await? > 0 {
            return Ok(());
        }
        let standing = self.customer_by_key(&customer.key).await?;
        Err(StoreError::Taken {
            what: "customer key",
            value: customer.key.clone(),
            by: standing.map_or_else(|| "another customer".to_owned(), |c| c.name),
        })
    }

    async fn customer_key_is_free(&mut self, customer: &Customer) -> Result<(), StoreError> {
        match self.customer_by_key(&customer.key).await? {
            Some(other) if other.id != customer.id => Err(StoreError::Taken {
                what: "customer key",
                value: customer.key.clone(),
                by: other.name,
            }),
            _ => Ok(()),
        }
    }

    async fn claim_tenants(&mut self, customer: &Customer) -> Result<(), StoreError> {
        let release = sql("DELETE FROM customer_tenant WHERE customer = $1").bind(&customer.id);
        self.execute(release).await?;
        for tenant in &customer.tenants {
            let claim = sql(
                "INSERT INTO customer_tenant (tenant, customer) VALUES ($1, $2) ON CONFLICT (tenant) DO NOTHING",
            )
            .bind(tenant.as_str())
            .bind(&customer.id);
            if self.execute(claim).await? == 0 {
                let owner = self.customers_by_tenants(std::slice::from_ref(tenant)).await?;
                return Err(StoreError::Taken {
                    what: "tenant",
                    value: tenant.clone(),
                    by: match owner.first() {
                        Some((_, owner)) => self.customer(owner).await?.name,
                        None => "another customer".to_owned(),
                    },
                });
            }
        }
        Ok(())
    }

    /// A customer, or [`StoreError::NotFound`].
    pub async fn customer(&mut self, id: &CustomerId) -> Result<Customer, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM customer WHERE id = $1").bind(id));
        let (body,) = found(row.await?, CUSTOMER, id.as_str())?;
        read(CUSTOMER, id.as_str(), &body)
    }

    /// The customer with the company's own key, if there is one.
    pub async fn customer_by_key(&mut self, key: &str) -> Result<Option<Customer>, StoreError> {
        let row = self.first::<(String,)>(sql("SELECT body FROM customer WHERE key = $1").bind(key));
        row.await?.map(|(body,)| read(CUSTOMER, key, &body)).transpose()
    }

    /// A page of customers by name; `text` is a part of name or key, in any case.
    pub async fn customers(
        &mut self,
        text: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Customer>, StoreError> {
        let mut rows = sql("SELECT sort_name, id, body FROM customer WHERE 1 = 1");
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            rows = rows.and(" AND search LIKE ").value(pattern(text));
            rows = rows.and(" ESCAPE '\\'");
        }
        if let Some((name, id)) = page.key::<(String, String)>("customers")? {
            rows = rows.and(" AND (sort_name, id) > (").value(name);
            rows = rows.and(", ").value(id).and(")");
        }
        let rows = rows.and(" ORDER BY sort_name, id LIMIT ").value(page.rows());
        let rows = self.all::<(String, String, String)>(rows).await?;
        Page::cut(
            rows,
            page,
            "customers",
            |row| (row.0.clone(), row.1.clone()),
            |(_, id, body)| read(CUSTOMER, &id, &body),
        )
    }

    /// To whom tenant identifiers belong; those that nobody claims are not in the answer.
    pub async fn customers_by_tenants(
        &mut self,
        tenants: &[String],
    ) -> Result<Vec<(String, CustomerId)>, StoreError> {
        let mut owners = Vec::new();
        for chunk in tenants.chunks(CHUNK) {
            let rows = sql("SELECT tenant, customer FROM customer_tenant WHERE tenant IN ")
                .list(chunk.iter().map(String::as_str))
                .and(" ORDER BY tenant");
            for (tenant, customer) in self.all::<(String, String)>(rows).await? {
                owners.push((tenant, parse(CUSTOMER, customer)?));
            }
        }
        Ok(owners)
    }

    /// These customers by name; ids that name none are passed over.
    pub async fn customers_by_ids(&mut self, ids: &[CustomerId]) -> Result<Vec<Customer>, StoreError> {
        let mut customers: Vec<Customer> = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let rows = sql("SELECT id, body FROM customer WHERE id IN ").list(chunk);
            customers.extend(read_all(CUSTOMER, self.all(rows).await?)?);
        }
        customers.sort_by_cached_key(|customer| (customer.name.to_lowercase(), customer.id.clone()));
        Ok(customers)
    }

    /// Every customer that pays, by name.
    pub async fn paying_customers(&mut self) -> Result<Vec<Customer>, StoreError> {
        let rows = sql("SELECT id, body FROM customer WHERE paying = 1 ORDER BY sort_name, id");
        read_all(CUSTOMER, self.all(rows).await?)
    }

    /// Every customer by name.
    pub async fn all_customers(&mut self) -> Result<Vec<Customer>, StoreError> {
        let rows = sql("SELECT id, body FROM customer ORDER BY sort_name, id");
        read_all(CUSTOMER, self.all(rows).await?)
    }
}
