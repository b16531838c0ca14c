//! A `jsonb` argument that is parsed by whoever wants its value. pgrx's own type panics on what
//! PostgreSQL takes and serde_json does not (1e400, very deep nesting), and changes long numbers on
//! their way through a float.

use crate::error::Error;
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::fcinfo::{direct_function_call, direct_function_call_as_datum};
use pgrx::nullable::Nullable;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{pg_sys, FromDatum, IntoDatum};
use serde_json::Value;
use std::ffi::{CStr, CString};

/// A jsonb value as PostgreSQL holds it.
#[derive(Clone, Copy)]
pub struct Jsonb(pg_sys::Datum);

impl Jsonb {
    /// The value itself, for a column.
    pub fn datum(self) -> pg_sys::Datum {
        self.0
    }

    /// The value that jsonb has printed so.
    pub fn of_text(text: &str) -> Jsonb {
        let text = CString::new(text).expect("jsonb has no NUL");
        // SAFETY: jsonb_in takes a C string, and copies what it needs of it.
        let value = unsafe {
            direct_function_call_as_datum(pg_sys::jsonb_in, &[text.as_c_str().into_datum()])
        };
        Jsonb(value.expect("jsonb_in answers a value"))
    }

    /// The value for Rust.
    pub fn parse(self, argument: &'static str) -> Result<Value, Error> {
        // SAFETY: the datum is a jsonb, and the text is read before its memory goes.
        let text = unsafe { direct_function_call::<&CStr>(pg_sys::jsonb_out, &[Some(self.0)]) };
        let text = text.map(CStr::to_bytes).unwrap_or_default();
        serde_json::from_slice(text).map_err(|problem| Error::BadArgument {
            argument,
            problem: format!("cannot be read: {problem}"),
        })
    }
}

impl FromDatum for Jsonb {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _: pg_sys::Oid,
    ) -> Option<Jsonb> {
        (!is_null).then_some(Jsonb(datum))
    }
}

impl IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: both take the datum as it is.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller vouches for the argument; a strict function gets no NULL.
        unsafe { arg.unbox_arg_using_from_datum() }.expect("argument is not NULL")
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        // SAFETY: the caller vouches for the argument.
        unsafe { arg.unbox_arg_using_from_datum() }.into()
    }
}

// SAFETY: the datum is one that PostgreSQL made.
unsafe impl BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

// SAFETY: the SQL type is the one that the datum is of.
unsafe impl SqlTranslatable for Jsonb {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Jsonb);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
