//! Errors that a test expects.

use serde_json::Value;

/// An error as a client sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorInfo {
    pub sqlstate: String,
    pub message: String,
    pub detail: Option<String>,
    /// The detail, where it is JSON: the engine's errors speak so to programs.
    pub detail_json: Option<Value>,
    pub hint: Option<String>,
}

impl ErrorInfo {
    /// A field of the detail's JSON object; null where there is none.
    pub fn field(&self, name: &str) -> Value {
        let value = self.detail_json.as_ref().and_then(|json| json.get(name));
        value.cloned().unwrap_or(Value::Null)
    }

    /// The engine's own name of the error: the field `error` of the detail.
    pub fn name(&self) -> String {
        self.field("error").as_str().unwrap_or_default().to_owned()
    }
}

impl From<&postgres::Error> for ErrorInfo {
    fn from(error: &postgres::Error) -> ErrorInfo {
        match error.as_db_error() {
            Some(db) => ErrorInfo {
                sqlstate: db.code().code().into(),
                message: db.message().into(),
                detail: db.detail().map(Into::into),
                detail_json: db.detail().and_then(|text| serde_json::from_str(text).ok()),
                hint: db.hint().map(Into::into),
            },
            // The server is gone, or the client could not understand it.
            None => ErrorInfo {
                sqlstate: "08006".into(),
                message: error.to_string(),
                detail: None,
                detail_json: None,
                hint: None,
            },
        }
    }
}

/// The error of a statement that must fail.
#[track_caller]
pub fn expect_error<T>(result: Result<T, postgres::Error>) -> ErrorInfo {
    match result {
        Ok(_) => panic!("expected an error, but the statement succeeded"),
        Err(error) if error.as_db_error().is_none() => panic!("not the server's error: {error:?}"),
        Err(error) => ErrorInfo::from(&error),
    }
}

/// Whether an error is this one, to a program and to whoever reads its hint.
#[track_caller]
pub fn assert_error(error: &ErrorInfo, sqlstate: &str, detail: Value, hint: &str) {
    assert_eq!(error.sqlstate, sqlstate, "{error:?}");
    assert_eq!(error.detail_json, Some(detail), "{error:?}");
    assert_eq!(error.hint.as_deref(), Some(hint), "{error:?}");
}
