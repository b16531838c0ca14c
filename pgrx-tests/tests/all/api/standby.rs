//! A hot standby: what reads runs there, what claims fails cleanly.

use super::shop::{connect, verify, Shop};
use postgres::{Client, NoTls};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{fs, str};
use stockroom_tests::{expect_error, Cluster, Db};
use uuid::Uuid;

/// A standby that streams from a cluster and lives in that cluster's directory, where the server's
/// user may write and the port's socket has a directory of its own. Dropped, its server is ended;
/// its files go with the cluster's.
struct Standby {
    home: PathBuf,
    programs: PathBuf,
}

impl Standby {
    fn of(cluster: &Cluster) -> Standby {
        let programs = cluster.program("pg_ctl").get_program().to_owned();
        let programs = Path::new(&programs).parent().unwrap().to_owned();
        let standby = Standby {
            home: cluster.home().join("standby"),
            programs,
        };
        let mut backup = standby.command("pg_basebackup");
        backup
            .args([
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
                "--wal-method=stream",
            ])
            .arg("-h")
            .arg(cluster.home())
            .args(["-U", "postgres", "-D"])
            .arg(standby.data());
        run(&mut backup);
        let sockets = format!("\nunix_socket_directories = '{}'\n", standby.home.display());
        let path = standby.data().join("postgresql.conf");
        let conf = fs::read_to_string(&path).unwrap() + &sockets;
        fs::write(path, conf).unwrap();
        let mut start = standby.command("pg_ctl");
        start
            .args(["start", "--wait", "--silent", "-D"])
            .arg(standby.data())
            .arg("-l")
            .arg(standby.home.join("server.log"));
        run(&mut start);
        standby
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// A program of the server, as the server's user, without what our environment would change.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        // PostgreSQL refuses to run as root.
        let root = output(Command::new("id").arg("-u")).trim() == "0";
        let mut command = match root {
            true => {
                let mut runuser = Command::new("runuser");
                runuser.args(["-u", "postgres", "--"]).arg(program);
                runuser
            }
            false => Command::new(program),
        };
        command.env_remove("RUST_BACKTRACE").current_dir("/");
        command
    }

    fn client(&self, db: &Db) -> Client {
        let mut config = postgres::Config::new();
        config
            .host_path(&self.home)
            .user("postgres")
            .dbname(db.name());
        config.connect(NoTls).expect("the standby should answer")
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "-m", "immediate", "-D"])
            .arg(self.data());
        // Not a panic, which in a failing test would hide what failed.
        if let Ok(output) = stop.output() {
            if !output.status.success() {
                eprintln!("could not stop the standby: {output:?}");
            }
        }
    }
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    str::from_utf8(&output.stdout).unwrap().to_owned()
}

/// For a program that leaves a server behind: its output is not waited for, as the server keeps it.
fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}");
}

fn wait_until_caught_up(primary: &mut Client, standby: &mut Client) {
    let sql = "SELECT pg_current_wal_insert_lsn()::text";
    let position: String = primary.query_one(sql, &[]).unwrap().get(0);
    let limit = Instant::now() + Duration::from_secs(30);
    let sql = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn";
    while !standby
        .query_one(sql, &[&position])
        .unwrap()
        .get::<_, bool>(0)
    {
        assert!(Instant::now() < limit, "the standby should catch up");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_standby_reads_and_refuses_to_claim() {
    let cluster = Cluster::options().fsync(false).start().unwrap();
    let db = Db::on(&cluster);
    db.execute("CREATE SCHEMA stock; CREATE EXTENSION stockroom SCHEMA stock");
    let client = connect(&db);
    let mut shop = Shop { client, db };
    let standby = Standby::of(&cluster);
    // Written after the backup: it comes by streaming.
    let listing: Uuid = shop.value(
        "SELECT register_listing('S', quantity_scale => 2, safety_stock => 1)",
        &[],
    );
    let lot = shop.receive(listing, 9);
    let order = shop.allocate(listing, 4);
    shop.run("INSERT INTO locations (name) VALUES ('Cellar')");

    let mut client = standby.client(&shop.db);
    wait_until_caught_up(&mut shop.client, &mut client);
    client.batch_execute("SET search_path = stock").unwrap();
    for (sql, expected) in [
        ("SELECT pg_is_in_recovery()::text", "true"),
        (
            "SELECT format('%s %s %s', get_available_stock($1), get_reserved_stock($1), get_total_stock($1))",
            "5 4 9",
        ),
        (
            "SELECT format('%s %s', get_available_stock($1, NULL), get_total_stock($1, gen_random_uuid()))",
            "5 0",
        ),
        (
            "SELECT format('%s %s %s', available, allocated, available_to_promise)
               FROM get_stock(ARRAY[$1::uuid])",
            "5 4 4",
        ),
        (
            "SELECT format('%s %s', take, reason) FROM explain_allocation($1, 2)",
            "2 oldest first, takes 2 of 5",
        ),
        ("SELECT count(*)::text FROM list_locations()", "21"),
        ("SELECT count(*)::text FROM verify_stock()", "0"),
        ("SELECT format('%s %s', to_units($1, 1.5), to_quantity($1, 150))", "150 1.50"),
        ("SELECT available::text FROM stock_overview WHERE listing_id = $1", "0.05"),
        ("SELECT current_tenant()::text", "00000000-0000-0000-0000-000000000000"),
        // A refusal is decided by a read, so it is one here too.
        ("SELECT state FROM allocate_stock($1, $1, 5, on_short => 'answer')", "insufficient"),
    ] {
        let row = match sql.contains("$1") {
            true => client.query_one(sql, &[&listing]),
            false => client.query_one(sql, &[]),
        };
        let row = row.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(row.get::<_, &str>(0), expected, "{sql}");
    }
    let lines = format!(r#"[{{"listing_id": "{listing}", "quantity": 1}}]"#);
    let lots = format!(r#"[{{"lot_id": "{lot}", "quantity": 1}}]"#);
    for call in [
        format!("allocate_stock('{listing}', '{order}', 1)"),
        format!("allocate_stock('{listing}', '{order}', 1, idempotency_key => 'k')"),
        format!("allocate_order('{order}', '{lines}')"),
        format!("allocate_lots('{order}', '{lots}')"),
        format!("release_allocations('{order}')"),
        format!("fulfill_allocations('{order}', quantity => 1)"),
        format!("receive_stock('{listing}', 1)"),
        "register_listing(NULL)".to_owned(),
        format!("delete_listing('{listing}')"),
        "repair_stock()".to_owned(),
    ] {
        let error = expect_error(client.query(&format!("SELECT {call}"), &[]));
        assert_eq!(error.sqlstate, "25006", "{call}: {error:?}");
        // The backend is well, and so are the numbers.
        verify(&mut client);
    }
    drop(standby);
    assert_eq!(shop.numbers(listing), (5, 4, 9));
    shop.verify();
}
