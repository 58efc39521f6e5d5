//! Rules that can never fire, because a rule before them always does.

use crate::document::{Node, Value};
use crate::policy::rule::Rule;
use crate::problem::{Problem, Problems};

/// Notes each rule that is never reached. Rules come with the nodes that they were read from.
pub(crate) fn check(rules: &[(Rule, &Node)], problems: &mut Problems) {
    for (index, (rule, node)) in rules.iter().enumerate() {
        if rule.trigger_only {
            continue;
        }
        let shadow =
            rules[..index].iter().find(|(earlier, earlier_node)| shadows((earlier, earlier_node), (rule, node)));
        if let Some((earlier, _)) = shadow {
            let text = format!(
                "this rule can never fire: rule `{}` in line {} fires first whenever it would",
                earlier.reference.id, earlier.reference.line
            );
            problems.push(Problem::new(&node.place, text));
        }
    }
}

/// Whether the earlier rule fires, and ends the stage, on everything that the later one would fire on.
fn shadows((earlier, earlier_node): (&Rule, &Node), (later, later_node): (&Rule, &Node)) -> bool {
    let files = |rule: &Rule| rule.does.outcome.is_of_recipient();
    // What the sender is told later may leave the message to the rules behind.
    let decides = !files(earlier) || earlier.does.outcome.fate().is_some();
    decides
        && earlier.stage == later.stage
        && earlier.is_last()
        && !earlier.trigger_only
        // A dated variant ahead of the rule that it takes the place of leaves that rule its other days.
        && earlier.period.covers(later.period)
        && !earlier.remembers()
        && earlier.unless.is_empty()
        && (files(later) || !files(earlier))
        && (earlier.is_unconditional() || includes(when(later_node), when(earlier_node)))
}

fn when(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::Table(entries) => entries.get("when"),
        _ => None,
    }
}

/// Whether all conditions of `part` stand in `whole` as well.
fn includes(whole: Option<&Node>, part: Option<&Node>) -> bool {
    match (whole.map(|node| &node.value), part.map(|node| &node.value)) {
        (Some(Value::Table(whole)), Some(Value::Table(part))) => {
            part.iter().all(|(key, node)| whole.get(key).is_some_and(|other| same(other, node)))
        }
        _ => false,
    }
}

/// Whether two nodes say the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Table(a), Value::Table(b)) => {
            a.len() == b.len() && a.iter().all(|(key, node)| b.get(key).is_some_and(|other| same(node, other)))
        }
        (a, b) => a == b,
    }
}
