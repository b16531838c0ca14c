//! Idempotency: whether a replayed request is the one that was stored.

use std::collections::BTreeSet;

use serde_json::Value;

/// The first field, by name, in which the arguments of two requests differ; `None` where they are the
/// same.
///
/// Both are JSON objects of arguments. A field that is missing equals one that is null, as an argument
/// left out is the same as NULL; inside a field's value everything counts. Lists whose order doesn't
/// matter are to be made canonical first ([`crate::lines::Lines::canonical`]). A value that isn't an
/// object equals only itself, and differs in `arguments`.
pub fn first_difference(stored: &Value, given: &Value) -> Option<String> {
    let (Some(stored_fields), Some(given_fields)) = (stored.as_object(), given.as_object()) else {
        return (stored != given).then(|| "arguments".to_owned());
    };
    let names: BTreeSet<&String> = stored_fields.keys().chain(given_fields.keys()).collect();
    names
        .into_iter()
        .find(|name| {
            let stored = stored_fields.get(*name).unwrap_or(&Value::Null);
            let given = given_fields.get(*name).unwrap_or(&Value::Null);
            stored != given
        })
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_arguments_have_no_difference() {
        let stored = json!({"listing_id": "a", "quantity": 5, "location_id": null});
        let given = json!({"quantity": 5, "listing_id": "a", "strategy": null});
        assert_eq!(first_difference(&stored, &given), None);
        assert_eq!(first_difference(&given, &stored), None);
        assert_eq!(first_difference(&json!({}), &json!({})), None);
    }

    #[test]
    fn the_first_difference_is_the_first_by_name() {
        let stored = json!({"z": 1, "b": 1, "a": 1});
        let given = json!({"z": 2, "b": 2, "a": 1});
        assert_eq!(first_difference(&stored, &given).as_deref(), Some("b"));
    }

    #[test]
    fn a_field_on_one_side_only_differs() {
        let stored = json!({"a": 1});
        let given = json!({"a": 1, "c": false});
        assert_eq!(first_difference(&stored, &given).as_deref(), Some("c"));
        assert_eq!(first_difference(&given, &stored).as_deref(), Some("c"));
    }

    #[test]
    fn inside_a_field_everything_counts() {
        let stored = json!({"metadata": {"a": null}});
        let given = json!({"metadata": {}});
        assert_eq!(
            first_difference(&stored, &given).as_deref(),
            Some("metadata")
        );
    }

    #[test]
    fn what_is_not_an_object_equals_only_itself() {
        assert_eq!(first_difference(&json!(null), &json!(null)), None);
        assert_eq!(
            first_difference(&json!(null), &json!({})).as_deref(),
            Some("arguments")
        );
    }
}
