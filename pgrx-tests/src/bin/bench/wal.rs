//! How much write-ahead log something made.

use crate::server::Server;
use anyhow::Result;
use postgres::Client;

#[derive(Clone, Copy, Debug, Default)]
pub struct Wal {
    pub bytes: u64,
    pub records: u64,
    /// Images of pages that were touched for the first time since a checkpoint.
    pub full_page_images: u64,
}

impl Wal {
    /// A part of it, where only the whole is known.
    pub fn share(&self, share: f64) -> Wal {
        let part = |whole: u64| (whole as f64 * share).round() as u64;
        Wal {
            bytes: part(self.bytes),
            records: part(self.records),
            full_page_images: part(self.full_page_images),
        }
    }

    fn read(client: &mut Client) -> Result<Wal> {
        // Statistics are read afresh: inside one transaction they would stand still.
        let row = client.query_one(
            "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, wal_records, wal_fpi FROM pg_stat_wal",
            &[],
        )?;
        let number = |at: usize| row.get::<_, i64>(at) as u64;
        Ok(Wal {
            bytes: number(0),
            records: number(1),
            full_page_images: number(2),
        })
    }
}

/// Runs something and says what it wrote. What the server's own processes write meanwhile counts too.
pub fn during<T>(
    server: &Server,
    client: &mut Client,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Wal)> {
    let before = Wal::read(client)?;
    let result = work()?;
    server.wait_for_load(client)?;
    let after = Wal::read(client)?;
    let wal = Wal {
        bytes: after.bytes - before.bytes,
        records: after.records - before.records,
        full_page_images: after.full_page_images - before.full_page_images,
    };
    Ok((result, wal))
}
