//! Compares a table with its shape: is all of it ours, and as we made it?
//!
//! Names prove nothing, for an owner may drop what we made and give its name to something else. So
//! expressions are compared by their text, triggers by the extension that their functions belong to,
//! and indexes by their columns.

use super::known::{Known, MOST_INDEXES};
use super::shape::Index;
use super::{Column, Shape};
use crate::engine::{c_text, pinned, with_setting};
use pgrx::{pg_sys, PgTupleDesc};

/// What may be done directly with a table; None where not even a read.
///
/// # Safety
/// The table must be open.
pub(super) unsafe fn look(
    table: pg_sys::Relation,
    shape: &Shape,
    schema: pg_sys::Oid,
) -> Option<Known> {
    // How PostgreSQL prints an expression depends on these two of the caller's settings: in a search
    // path with a `length` of the app's, its text would read as ours does here.
    pinned(|| {
        with_setting(c"quote_all_identifiers", c"off", true, || {
            // SAFETY: the caller vouches for the table.
            unsafe { look_with_our_settings(table, shape, schema) }
        })
    })
}

unsafe fn look_with_our_settings(
    table: pg_sys::Relation,
    shape: &Shape,
    schema: pg_sys::Oid,
) -> Option<Known> {
    // SAFETY: reads the table's entry in the relation cache, which stays while it is open.
    unsafe {
        let class = &*(*table).rd_rel;
        let plain = class.relkind == pg_sys::RELKIND_RELATION as std::ffi::c_char
            && !class.relhassubclass
            && !class.relispartition
            && !class.relrowsecurity
            && (*table).rd_rules.is_null();
        if !plain || !has_columns(table, shape) {
            return None;
        }
        let mut indexes = [pg_sys::InvalidOid; MOST_INDEXES];
        for (place, index) in shape.indexes.iter().enumerate() {
            indexes[place] = find_index(table, shape, index, schema)?;
        }
        let computes_as_we_do = has_our_checks_only(table, shape)
            && shape
                .generated
                .iter()
                .all(|(column, text)| default_of(table, shape, column).as_deref() == Some(*text));
        let triggers = triggers_of_others(table, shape);
        Some(Known {
            indexes,
            updatable: computes_as_we_do && !triggers.on_update,
            keeps_own_versions: triggers.foreign_keys,
            insertable: computes_as_we_do && !triggers.on_insert && fills_in_as_we_do(table, shape),
            deletes_quietly: !triggers.on_delete,
        })
    }
}

/// Our columns come first and are of our types; what follows has no generated one. An identity column
/// refuses to be written.
unsafe fn has_columns(table: pg_sys::Relation, shape: &Shape) -> bool {
    // SAFETY: the relation cache keeps the descriptor while the table is open.
    let columns = unsafe { PgTupleDesc::from_pg_unchecked((*table).rd_att) };
    columns.len() >= shape.columns.len()
        && columns.iter().enumerate().all(|(at, column)| {
            let is_generated = column.attgenerated != 0;
            match shape.columns.get(at) {
                Some((name, type_oid)) => {
                    column.name() == *name
                        && column.atttypid == *type_oid
                        && !column.attisdropped
                        && column.attidentity == 0
                        && is_generated == shape.generated.iter().any(|(ours, _)| ours == name)
                }
                None => !is_generated,
            }
        })
}

/// The columns that our INSERT leaves out have our defaults, and there are no others.
unsafe fn fills_in_as_we_do(table: pg_sys::Relation, shape: &Shape) -> bool {
    // SAFETY: the relation cache keeps the descriptor while the table is open.
    unsafe {
        let columns = PgTupleDesc::from_pg_unchecked((*table).rd_att);
        let no_others = columns
            .iter()
            .skip(shape.columns.len())
            .all(|column| column.attisdropped);
        no_others
            && shape.left_out.iter().all(|(name, text)| {
                let at = shape.column(name).0 as usize - 1;
                default_of(table, shape, name).as_deref() == *text
                    && (text.is_some() || columns.get(at).is_some_and(|c| !c.attnotnull))
            })
    }
}

unsafe fn find_index(
    table: pg_sys::Relation,
    shape: &Shape,
    index: &Index,
    schema: pg_sys::Oid,
) -> Option<pg_sys::Oid> {
    // SAFETY: the index is opened and closed here; it has as many columns as it says.
    unsafe {
        let oid = pg_sys::get_relname_relid(index.name.as_ptr(), schema);
        if oid == pg_sys::InvalidOid || pg_sys::IndexGetRelation(oid, true) != (*table).rd_id {
            return None;
        }
        // Dropped concurrently, it may be gone by now.
        let opened = pg_sys::try_relation_open(oid, pg_sys::AccessShareLock as _);
        if opened.is_null() {
            return None;
        }
        let state = &*(*opened).rd_index;
        let is_ours = (*(*opened).rd_rel).relam == pg_sys::BTREE_AM_OID
            && (!index.unique || (state.indisunique && state.indimmediate))
            && state.indnkeyatts as usize == index.columns.len()
            && index.columns.iter().enumerate().all(|(at, name)| {
                let column = shape.column(name);
                let (_, type_oid) = shape.columns[column.0 as usize - 1];
                let usual = pg_sys::GetDefaultOpClass(type_oid, pg_sys::BTREE_AM_OID);
                *state.indkey.values.as_ptr().add(at) == column.0
                    && *(*opened).rd_opfamily.add(at) == pg_sys::get_opclass_family(usual)
                    && *(*opened).rd_indoption.add(at) == 0
            })
            && state.indnatts as usize == index.columns.len() + index.included.len()
            && index.included.iter().enumerate().all(|(at, name)| {
                let at = index.columns.len() + at;
                *state.indkey.values.as_ptr().add(at) == shape.column(name).0
            })
            && predicate_of(table, opened).as_deref() == index.predicate;
        pg_sys::relation_close(opened, pg_sys::NoLock as _);
        is_ours.then_some(oid)
    }
}

unsafe fn predicate_of(table: pg_sys::Relation, index: pg_sys::Relation) -> Option<String> {
    // SAFETY: both are open; a predicate's parts are expressions over the table.
    unsafe {
        let parts = pgrx::PgList::<pg_sys::Node>::from_pg(pg_sys::RelationGetIndexPredicate(index));
        let texts: Vec<String> = parts.iter_ptr().map(|part| text_of(table, part)).collect();
        (!texts.is_empty()).then(|| texts.join(" AND "))
    }
}

/// An expression over one table, as PostgreSQL prints it.
unsafe fn text_of(table: pg_sys::Relation, expression: *mut pg_sys::Node) -> String {
    // SAFETY: the expression is one of this table's, and the text a C string.
    unsafe {
        let name = &raw const (*(*table).rd_rel).relname.data;
        let context = pg_sys::deparse_context_for(name.cast(), (*table).rd_id);
        c_text(pg_sys::deparse_expression(
            expression, context, false, false,
        ))
    }
}

/// Default of a column, or what it is computed from.
unsafe fn default_of(table: pg_sys::Relation, shape: &Shape, name: &str) -> Option<String> {
    let number = shape.column(name).0;
    // SAFETY: the defaults are as many as they say.
    unsafe {
        let constraints = (*(*table).rd_att).constr;
        if constraints.is_null() {
            return None;
        }
        let mut defaults =
            (0..(*constraints).num_defval as usize).map(|at| &*(*constraints).defval.add(at));
        let found = defaults.find(|default| default.adnum == number)?;
        let expression = pg_sys::stringToNode(found.adbin);
        Some(text_of(table, expression.cast()))
    }
}

unsafe fn has_our_checks_only(table: pg_sys::Relation, shape: &Shape) -> bool {
    // SAFETY: the constraints are as many as they say.
    unsafe {
        let constraints = (*(*table).rd_att).constr;
        constraints.is_null()
            || (0..(*constraints).num_check as usize).all(|at| {
                let check = &*(*constraints).check.add(at);
                let expression = pg_sys::stringToNode(check.ccbin);
                let text = text_of(table, expression.cast());
                check.ccvalid && shape.checks.contains(&text.as_str())
            })
    }
}

struct TriggersOfOthers {
    on_insert: bool,
    on_update: bool,
    on_delete: bool,
    foreign_keys: bool,
}

/// Ours would stand aside. Those of foreign keys have nothing to say of an UPDATE that changes no key,
/// unless the row is one that this transaction has written; nor of a DELETE of a row that nobody has seen.
unsafe fn triggers_of_others(table: pg_sys::Relation, shape: &Shape) -> TriggersOfOthers {
    let mut others = TriggersOfOthers {
        on_insert: false,
        on_update: false,
        on_delete: false,
        foreign_keys: false,
    };
    // SAFETY: the caller holds the table open.
    let triggers = unsafe { triggers_of(table) };
    if triggers.is_empty() {
        return others;
    }
    // SAFETY: the table is open; the rest are catalog lookups.
    unsafe {
        let keys_stay = !changes_foreign_keys(table, shape);
        let extension = pg_sys::getExtensionOfObject(pg_sys::RelationRelationId, (*table).rd_id);
        for trigger in triggers {
            let fires = |event: u32| i32::from(trigger.events) & event as i32 != 0;
            let function = trigger.function;
            let is_ours = extension != pg_sys::InvalidOid
                && pg_sys::getExtensionOfObject(pg_sys::ProcedureRelationId, function) == extension;
            if is_ours {
                continue;
            }
            let is_foreign_key = trigger.is_internal
                && (pg_sys::F_RI_FKEY_CHECK_INS..=pg_sys::F_RI_FKEY_NOACTION_UPD)
                    .contains(&function.to_u32());
            others.on_insert |= fires(pg_sys::TRIGGER_TYPE_INSERT);
            others.on_update |=
                fires(pg_sys::TRIGGER_TYPE_UPDATE) && !(is_foreign_key && keys_stay);
            others.on_delete |= fires(pg_sys::TRIGGER_TYPE_DELETE) && !is_foreign_key;
            others.foreign_keys |=
                is_foreign_key && function.to_u32() == pg_sys::F_RI_FKEY_CHECK_UPD;
        }
    }
    others
}

/// What is read of a trigger.
pub(super) struct Trigger {
    pub function: pg_sys::Oid,
    pub events: i16,
    pub is_internal: bool,
}

/// Copies: any look at a catalog may rebuild the table's entry in the relation cache, and the rebuilt
/// one frees its old triggers.
pub(super) unsafe fn triggers_of(table: pg_sys::Relation) -> Vec<Trigger> {
    // SAFETY: the table is open; its triggers are as many as they say, and nothing comes in between.
    unsafe {
        let triggers = (*table).trigdesc;
        if triggers.is_null() {
            return Vec::new();
        }
        (0..(*triggers).numtriggers as usize)
            .map(|at| {
                let trigger = &*(*triggers).triggers.add(at);
                Trigger {
                    function: trigger.tgfoid,
                    events: trigger.tgtype,
                    is_internal: trigger.tgisinternal,
                }
            })
            .collect()
    }
}

/// Whether a column that a direct UPDATE changes is part of a foreign key, or of a unique key that one
/// of another table may refer to.
unsafe fn changes_foreign_keys(table: pg_sys::Relation, shape: &Shape) -> bool {
    // SAFETY: the table is open. The set is a copy; the list is the relation cache entry's own, and is
    // read after everything that looks at a catalog.
    unsafe {
        let unique = pg_sys::RelationGetIndexAttrBitmap(
            table,
            pg_sys::IndexAttrBitmapKind::INDEX_ATTR_BITMAP_KEY,
        );
        let refers = pgrx::PgList::<pg_sys::ForeignKeyCacheInfo>::from_pg(
            pg_sys::RelationGetFKeyList(table),
        );
        let is_unique = |name: &&str| {
            let number = i32::from(shape.column(name).0);
            pg_sys::bms_is_member(number - pg_sys::FirstLowInvalidHeapAttributeNumber, unique)
        };
        shape.written.iter().any(is_unique)
            || refers.iter_ptr().any(|key| {
                let columns = &(&(*key).conkey)[..(*key).nkeys as usize];
                columns.iter().any(|number| shape.writes(Column(*number)))
            })
    }
}
