//! JSON as a tree of [`Node`]s, so that what comes by the API is read as what stands in a pack is.

use super::{Node, Value};
use crate::problem::Place;

/// Bytes of all pointers of one JSON value: long names that many values stand below would take all memory.
const MOST_POINTERS: usize = 64 * 1024 * 1024;

impl Node {
    /// A JSON value; each of its values knows its JSON Pointer (RFC 6901).
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Self {
        from_json(json, String::new(), &mut MOST_POINTERS.clone())
    }
}

/// The node of a value. Once `left` bytes of pointers are used up, all that they stand below is none.
fn from_json(json: &serde_json::Value, pointer: String, left: &mut usize) -> Node {
    use serde_json::Value as Json;
    let mut below = |step: &str, json: &Json| {
        let pointer = format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"));
        *left = left.checked_sub(pointer.len())?;
        Some(from_json(json, pointer, left))
    };
    let too_much = Value::Other("more than can be told apart");
    let value = match json {
        Json::Null => Value::Other("null"),
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Integer(number),
            None if number.is_f64() => Value::Other("a number with a fraction"),
            None => Value::Other("a number that is too large"),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => {
            let items = items.iter().enumerate();
            let nodes: Option<_> = items.map(|(index, item)| below(&index.to_string(), item)).collect();
            nodes.map_or(too_much, Value::List)
        }
        Json::Object(entries) => {
            let nodes: Option<_> = entries.iter().map(|(key, value)| Some((key.clone(), below(key, value)?))).collect();
            nodes.map_or(too_much, Value::Table)
        }
    };
    Node { place: Place::Pointer(pointer), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_pointer() {
        let json = serde_json::json!({"when": {"recipient": ["a@b.c", 5]}, "a/b": null, "big": u64::MAX});
        let node = Node::from_json(&json);
        let Value::Table(entries) = &node.value else { panic!() };
        let Value::Table(when) = &entries["when"].value else { panic!() };
        let Value::List(items) = &when["recipient"].value else { panic!() };
        assert_eq!((items[1].place.to_string().as_str(), &items[1].value), ("/when/recipient/1", &Value::Integer(5)));
        assert_eq!(entries["a/b"].place.to_string(), "/a~1b");
        assert_eq!(entries["big"].value.kind(), "a number that is too large");
    }
}
