//! The digest of archived lines: SHA-256 over the SHA-256 of each line, in their order. A line's is taken
//! of a JSON array of its columns in UTF-8, moments as seconds since 1970: no setting of a session has a
//! part in it (docs/ledger.md).

/// Of one line, by the names of its columns. Every name is qualified: it is used on users' tables.
macro_rules! line_digest {
    () => {
        "pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.jsonb_build_array(
            movement_id, tenant_id, listing_id, version, lot_id, location_id, movement_type, delta, lot_before,
            lot_after, listing_before, listing_after, unit_cost, reason, reference, actor,
            extract(epoch FROM recorded_at), extract(epoch FROM effective_at))::pg_catalog.text, 'UTF8'))"
    };
}

/// Of the lines of a listing.
macro_rules! run_digest {
    () => {
        concat!(
            "pg_catalog.sha256(pg_catalog.string_agg(",
            line_digest!(),
            ", ''::pg_catalog.bytea ORDER BY version))"
        )
    };
}

pub(super) use {line_digest, run_digest};
