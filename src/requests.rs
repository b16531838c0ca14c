//! Idempotency: a call made with a key answers a replay as it answered the first time.

use crate::arguments::bad;
use crate::commit;
use crate::counters::aside;
use crate::engine::Engine;
use crate::error::Error;
use crate::plans::{self, id, Arg, Statement};
use pgrx::pg_sys::{JSONBOID, TEXTOID, UUIDOID};
use pgrx::JsonB;
use serde_json::Value;
use stockroom_core::request::first_difference;
use uuid::Uuid;

/// Longest key, as the tables' CHECKs have it.
const LONGEST_KEY: usize = 200;

static FIND: Statement = Statement::fresh(
    "SELECT arguments, answer FROM {s}.stock_requests
      WHERE tenant_id = $1 AND function = $2 AND idempotency_key = $3",
    &[UUIDOID, TEXTOID, TEXTOID],
);
static BEGIN: Statement = Statement::fresh(
    "INSERT INTO {s}.stock_requests (tenant_id, function, idempotency_key, arguments)
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING true",
    &[UUIDOID, TEXTOID, TEXTOID, JSONBOID],
);
static FINISH: Statement = Statement::fresh(
    "UPDATE {s}.stock_requests SET answer = $4
      WHERE tenant_id = $1 AND function = $2 AND idempotency_key = $3",
    &[UUIDOID, TEXTOID, TEXTOID, JSONBOID],
);
static FORGET: Statement = Statement::fresh(
    "DELETE FROM {s}.stock_requests WHERE tenant_id = $1 AND function = $2 AND idempotency_key = $3",
    &[UUIDOID, TEXTOID, TEXTOID],
);

/// An error unless the tables can hold the key.
pub fn check_key(argument: &'static str, key: &str) -> Result<(), Error> {
    match key.chars().count() {
        1..=LONGEST_KEY => Ok(()),
        _ => bad(
            argument,
            &format!("must have 1 to {LONGEST_KEY} characters"),
        ),
    }
}

/// One call with its key.
pub struct Request<'a> {
    /// What the function calls its key.
    pub argument: &'static str,
    pub function: &'static str,
    pub key: &'a str,
    /// In canonical form, as one JSON object.
    pub arguments: Value,
}

impl<'a> Request<'a> {
    /// A request, where there is a key.
    pub fn with_key(
        function: &'static str,
        key: Option<&'a str>,
        arguments: impl FnOnce() -> Value,
    ) -> Option<Request<'a>> {
        key.map(|key| Request {
            argument: "idempotency_key",
            function,
            key,
            arguments: arguments(),
        })
    }

    fn name(&self, engine: &Engine) -> [Arg; 3] {
        [id(engine.tenant), self.function.into(), self.key.into()]
    }

    fn name_and(&self, engine: &Engine, value: &Value) -> [Arg; 4] {
        let [tenant, function, key] = self.name(engine);
        [tenant, function, key, JsonB(value.clone()).into()]
    }

    /// The answer of the first call, if there was one; by a read, so that a replay changes
    /// nothing.
    pub fn replay(&self, engine: &Engine) -> Result<Option<Value>, Error> {
        check_key(self.argument, self.key)?;
        let found = plans::run_one(engine, &FIND, &self.name(engine), |row| {
            let answer = row.get::<JsonB>(2).map(|answer| answer.0);
            (row.need::<JsonB>(1).0, answer)
        });
        match found {
            None => Ok(None),
            Some((arguments, answer)) => match first_difference(&arguments, &self.arguments) {
                Some(field) => Err(Error::IdempotencyMismatch {
                    function: self.function.to_owned(),
                    key: self.key.to_owned(),
                    field,
                }),
                None if answer.is_some() => {
                    commit::vouch_for_what_was_seen();
                    Ok(answer)
                }
                // A trigger inside the first call makes the same call again.
                None => bad(self.argument, "is in use by the call that is running"),
            },
        }
    }

    /// Takes the key, or waits for another call that has it and gives its answer.
    pub fn begin(&self, engine: &Engine) -> Result<Option<Value>, Error> {
        loop {
            let args = self.name_and(engine, &self.arguments);
            let ours = aside::during(|| plans::run_one(engine, &BEGIN, &args, |_| ()));
            if ours.is_some() {
                return Ok(None);
            }
            // None: the other call's row was cleaned up in between, so the key is free again.
            if let Some(answer) = self.replay(engine)? {
                return Ok(Some(answer));
            }
        }
    }

    /// Keeps the answer for replays.
    pub fn finish(&self, engine: &Engine, answer: &Value) {
        aside::during(|| plans::run(engine, &FINISH, &self.name_and(engine, answer), |_| ()));
    }

    /// A refusal leaves no trace: the same key may try again.
    pub fn forget(&self, engine: &Engine) {
        aside::during(|| plans::run(engine, &FORGET, &self.name(engine), |_| ()));
    }
}

/// An answer that is a key.
pub fn id_of(answer: &Value) -> Uuid {
    let id = answer.as_str().and_then(|text| Uuid::try_parse(text).ok());
    id.expect("the answer kept is a key")
}

/// Runs a call that cannot come up short: its errors roll everything back, the key with it.
/// Answers with whether it was a replay.
pub fn once(
    engine: &Engine,
    request: Option<Request>,
    run: impl FnOnce() -> Result<Value, Error>,
) -> Result<(Value, bool), Error> {
    once_if_done(engine, request, || Ok(None), || Ok(Ok(run()?)))
}

/// The same of one that may also answer that it did nothing: then the same key may try again. `refuse` may tell so
/// before the key is written, or refuse the call.
pub fn once_if_done(
    engine: &Engine,
    request: Option<Request>,
    refuse: impl FnOnce() -> Result<Option<Value>, Error>,
    run: impl FnOnce() -> Result<Result<Value, Value>, Error>,
) -> Result<(Value, bool), Error> {
    let Some(request) = request else {
        let (Ok(answer) | Err(answer)) = run()?;
        return Ok((answer, false));
    };
    if let Some(answer) = request.replay(engine)? {
        return Ok((answer, true));
    }
    if let Some(refused) = refuse()? {
        return Ok((refused, false));
    }
    if let Some(answer) = request.begin(engine)? {
        return Ok((answer, true));
    }
    match run()? {
        Ok(done) => {
            request.finish(engine, &done);
            Ok((done, false))
        }
        Err(refused) => {
            request.forget(engine);
            Ok((refused, false))
        }
    }
}
