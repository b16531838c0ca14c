//! A fresh database for one test, and its clients and roles.

use crate::cluster::{Cluster, SUPERUSER};
use postgres::{Client, Config, NoTls};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A database with a name of its own; dropped, it is gone, and so are its roles. Bind it to a name:
/// in `Db::new().client()` it is dropped before the client is used.
pub struct Db {
    config: Config,
    name: String,
    roles: Mutex<Vec<String>>,
}

/// What the server said besides results: `(severity, message)`, in order.
pub type Notices = Arc<Mutex<Vec<(String, String)>>>;

impl Db {
    /// An empty database in the shared cluster.
    #[allow(
        clippy::new_without_default,
        reason = "it makes a database, not a value"
    )]
    pub fn new() -> Db {
        Db::on(Cluster::shared())
    }

    /// An empty database in a cluster of the test's own.
    pub fn on(cluster: &Cluster) -> Db {
        Db::copy_of(cluster, "template1")
    }

    fn copy_of(cluster: &Cluster, template: &str) -> Db {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let db = Db {
            config: cluster.config(),
            name,
            roles: Mutex::default(),
        };
        db.maintain(&format!("CREATE DATABASE {} TEMPLATE {template}", db.name));
        db
    }

    /// `CREATE EXTENSION stockroom` in the schema `public`.
    pub fn with_extension() -> Db {
        Db::with("CREATE EXTENSION stockroom")
    }

    /// `CREATE EXTENSION stockroom` in a schema made for it. The name is used as written: an odd
    /// one brings its double quotes.
    pub fn with_extension_in(schema: &str) -> Db {
        Db::with(&format!(
            "CREATE SCHEMA {schema}; CREATE EXTENSION stockroom SCHEMA {schema}"
        ))
    }

    /// A database in the shared cluster in which this was run: a copy of one that is kept, which takes
    /// half as long as to run it anew.
    fn with(set_up: &str) -> Db {
        static TEMPLATES: Mutex<Vec<(String, Db)>> = Mutex::new(Vec::new());
        let mut templates = lock(&TEMPLATES);
        let known = templates.iter().position(|(made_by, _)| made_by == set_up);
        let known = known.unwrap_or_else(|| {
            let template = Db::new();
            template.execute(set_up);
            templates.push((set_up.to_owned(), template));
            templates.len() - 1
        });
        let template = templates[known].1.name.clone();
        drop(templates);
        Db::copy_of(Cluster::shared(), &template)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// How clients reach it, as superuser.
    pub fn config(&self) -> Config {
        let mut config = self.config.clone();
        config.dbname(&self.name);
        config
    }

    /// A new connection as superuser.
    pub fn client(&self) -> Client {
        self.client_as(SUPERUSER)
    }

    /// A new connection as this role.
    pub fn client_as(&self, role: &str) -> Client {
        let connected = self.config().user(role).connect(NoTls);
        connected.unwrap_or_else(|error| panic!("{role} should be able to connect: {error:?}"))
    }

    /// A new connection as superuser that keeps its NOTICEs and WARNINGs.
    pub fn client_with_notices(&self) -> (Client, Notices) {
        let notices = Notices::default();
        let kept = Arc::clone(&notices);
        let mut config = self.config();
        config.notice_callback(move |notice| {
            lock(&kept).push((notice.severity().into(), notice.message().into()));
        });
        let client = config.connect(NoTls).expect("should connect");
        (client, notices)
    }

    /// A new role that may log in and nothing else. Roles belong to the whole cluster, so its name
    /// is `prefix` made unique; it goes with the database.
    pub fn role(&self, prefix: &str) -> String {
        let mut roles = lock(&self.roles);
        let role = format!("{prefix}_{}_{}", self.name, roles.len());
        self.maintain(&format!("CREATE ROLE {role} LOGIN"));
        roles.push(role.clone());
        role
    }

    /// Runs statements as superuser, on a connection of their own; they must succeed.
    pub fn execute(&self, sql: &str) {
        if let Err(error) = self.client().batch_execute(sql) {
            panic!("should succeed: {sql}\n{error:?}");
        }
    }

    /// Runs a statement in the database `postgres`, where databases and roles are made.
    fn maintain(&self, sql: &str) {
        let mut client = self.config.connect(NoTls).expect("should connect");
        if let Err(error) = client.batch_execute(sql) {
            panic!("should succeed: {sql}\n{error:?}");
        }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        // Silent where it fails: a test may have stopped the server, and then all of it is gone.
        let Ok(mut client) = self.config.connect(NoTls) else {
            return;
        };
        let _ = client.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
        for role in lock(&self.roles).iter() {
            let _ = client.batch_execute(&format!("DROP ROLE {role}"));
        }
    }
}

/// A failed test poisons its locks; what they hold is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
