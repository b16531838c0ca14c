//! The `lines` argument of many holds at once, each on its own.

use std::collections::HashMap;

use serde_json::{json, Value};
use uuid::Uuid;

use super::hold_order_argument::HoldLine;
use super::parse::{elements, line_object, Element};
use super::LineError;

/// One of many holds that are asked for at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedHold {
    /// What to hold.
    pub line: HoldLine,
    /// The caller's key, by which a replay of this hold is known.
    pub idempotency_key: Option<String>,
    /// Who holds it, in the app's own words.
    pub customer: Option<String>,
    /// The app's order that holds it.
    pub order_id: Option<Uuid>,
}

/// A parsed `lines` argument of holds that are each judged alone: in the given order, nothing merged,
/// and no two with the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManyHolds {
    holds: Vec<RequestedHold>,
}

impl ManyHolds {
    /// Parses `[{"listing_id", "quantity", "location_id"?, "idempotency_key"?, "customer"?,
    /// "order_id"?}]`. An optional key may be null, which is the same as leaving it out.
    ///
    /// # Errors
    ///
    /// A [`LineError`] for the first element that is wrong.
    pub fn parse(value: &Value) -> Result<ManyHolds, LineError> {
        let elements = elements(value, "lines")?;
        let mut holds = Vec::with_capacity(elements.len());
        let mut keys: HashMap<&str, usize> = HashMap::new();
        for (index, value) in elements.iter().enumerate() {
            let element = Element::new(
                value,
                "lines",
                index,
                &[
                    "listing_id",
                    "quantity",
                    "location_id",
                    "idempotency_key",
                    "customer",
                    "order_id",
                ],
            )?;
            let (listing_id, quantity, location_id) = element.line()?;
            let idempotency_key = element.optional_text("idempotency_key")?;
            if let Some(key) = idempotency_key {
                if let Some(first) = keys.insert(key, index) {
                    return Err(LineError::SameKey {
                        argument: "lines",
                        index,
                        first,
                    });
                }
            }
            holds.push(RequestedHold {
                line: HoldLine {
                    listing_id,
                    quantity,
                    location_id,
                },
                idempotency_key: idempotency_key.map(str::to_owned),
                customer: element.optional_text("customer")?.map(str::to_owned),
                order_id: element.optional_uuid("order_id")?,
            });
        }
        Ok(ManyHolds { holds })
    }

    /// The holds, as they were given.
    pub fn as_slice(&self) -> &[RequestedHold] {
        &self.holds
    }

    /// The list as JSON, in its order: for comparing a replay with what was stored. It has the form
    /// that [`ManyHolds::parse`] takes, without nulls.
    pub fn canonical(&self) -> Value {
        let element = |hold: &RequestedHold| {
            let line = &hold.line;
            let mut object = line_object(line.listing_id, line.quantity, line.location_id);
            if let Some(idempotency_key) = &hold.idempotency_key {
                object.insert("idempotency_key".into(), json!(idempotency_key));
            }
            if let Some(customer) = &hold.customer {
                object.insert("customer".into(), json!(customer));
            }
            if let Some(order_id) = hold.order_id {
                object.insert("order_id".into(), json!(order_id));
            }
            Value::Object(object)
        };
        self.holds.iter().map(element).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::MAX_TEXT;

    const A: &str = "00000000-0000-0000-0000-00000000000a";
    const B: &str = "00000000-0000-0000-0000-00000000000b";

    fn error(value: Value) -> String {
        ManyHolds::parse(&value).unwrap_err().to_string()
    }

    fn with(field: &str, value: Value) -> Value {
        let mut line = json!({"listing_id": A, "quantity": 1});
        line[field] = value;
        json!([line])
    }

    #[test]
    fn holds_stay_apart_and_in_their_order() {
        let holds = ManyHolds::parse(&json!([
            {"listing_id": B, "quantity": 1, "idempotency_key": "k", "customer": "c", "order_id": A},
            {"listing_id": A.to_uppercase(), "quantity": 2, "customer": null, "order_id": null},
            {"listing_id": B, "quantity": 1, "location_id": A, "idempotency_key": "m"},
            {"listing_id": A, "quantity": 2, "location_id": null, "idempotency_key": null},
        ]))
        .unwrap();
        assert_eq!(
            holds.canonical(),
            json!([
                {"listing_id": B, "quantity": 1, "idempotency_key": "k", "customer": "c", "order_id": A},
                {"listing_id": A, "quantity": 2},
                {"listing_id": B, "quantity": 1, "location_id": A, "idempotency_key": "m"},
                {"listing_id": A, "quantity": 2},
            ])
        );
        assert_eq!(holds.as_slice()[0].customer.as_deref(), Some("c"));
        assert_eq!(holds.as_slice()[1], holds.as_slice()[3]);
    }

    #[test]
    fn a_listing_may_be_wanted_more_than_fits_in_an_integer() {
        let element = json!({"listing_id": A, "quantity": i32::MAX});
        let holds = ManyHolds::parse(&json!([element, element])).unwrap();
        assert_eq!(holds.as_slice().len(), 2);
        assert_eq!(error(json!([])), "lines is empty");
    }

    #[test]
    fn a_key_is_not_given_twice() {
        let keyless = json!({"listing_id": A, "quantity": 1});
        let keyed = json!({"listing_id": A, "quantity": 1, "idempotency_key": "k"});
        for again in [
            json!({"listing_id": A, "quantity": 9, "idempotency_key": "k"}),
            json!({"listing_id": A, "quantity": 1, "idempotency_key": "k", "location_id": B}),
            json!({"listing_id": B, "quantity": 1, "idempotency_key": "k"}),
        ] {
            assert_eq!(
                error(json!([keyless, keyed, again])),
                "lines[2] has the idempotency_key of lines[1]"
            );
        }
    }

    #[test]
    fn texts_have_a_longest_length_in_characters() {
        for field in ["idempotency_key", "customer"] {
            for length in [1, MAX_TEXT] {
                assert!(ManyHolds::parse(&with(field, json!("é".repeat(length)))).is_ok());
            }
            for length in [0, MAX_TEXT + 1] {
                assert_eq!(
                    error(with(field, json!("é".repeat(length)))),
                    format!("lines[0].{field} must have 1 to 200 characters, not {length}")
                );
            }
            assert_eq!(
                error(with(field, json!(5))),
                format!("lines[0].{field} must be a text, not 5")
            );
        }
    }

    #[test]
    fn keys_and_orders_are_checked() {
        assert_eq!(
            error(with("order_id", json!("cart"))),
            "lines[0].order_id must be a uuid, not \"cart\""
        );
        assert_eq!(
            error(with("ttl", json!("1 hour"))),
            "lines[0] has an unknown key \"ttl\"; known are listing_id, quantity, location_id, \
             idempotency_key, customer, order_id"
        );
    }
}
