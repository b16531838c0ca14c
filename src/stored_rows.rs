//! Answers of many rows, put straight into the store from which PostgreSQL reads what a function answers. pgrx's
//! iterators are asked for one row after the other, which costs several times as much a row.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};

/// What such a function returns: its rows are in the store. Its SQL is given by hand.
pub struct StoredRows;

/// One value of a row; None is NULL.
pub type Value = Option<pg_sys::Datum>;

/// The store of the call that is running.
pub struct Store {
    store: *mut pg_sys::Tuplestorestate,
    shape: pg_sys::TupleDesc,
}

impl Store {
    /// For a function that is declared to return a table, and called where a set can be.
    pub fn of_call(fcinfo: pg_sys::FunctionCallInfo) -> Store {
        // SAFETY: PostgreSQL raises an error where no set can be returned; else the call has a ReturnSetInfo, whose
        // store and shape live as long as its answer.
        unsafe {
            pg_sys::InitMaterializedSRF(fcinfo, 0);
            let info = (*fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            Store {
                store: (*info).setResult,
                shape: (*info).setDesc,
            }
        }
    }

    /// Adds a row; the values are those of the declared columns, in their order.
    pub fn put<const COLUMNS: usize>(&mut self, row: [Value; COLUMNS]) {
        let mut values = row.map(|value| value.unwrap_or(pg_sys::Datum::null()));
        let mut nulls = row.map(|value| value.is_none());
        // SAFETY: the arrays have as many elements as the shape has columns (checked), and are copied.
        unsafe {
            assert_eq!((*self.shape).natts as usize, COLUMNS);
            pg_sys::tuplestore_putvalues(
                self.store,
                self.shape,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
        }
    }
}

// SAFETY: what is returned is not looked at: the rows are in the store.
unsafe impl BoxRet for StoredRows {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        fcinfo.return_null()
    }
}

// SAFETY: never used to make SQL.
unsafe impl SqlTranslatable for StoredRows {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(StoredRows);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("record"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("record")));
}
