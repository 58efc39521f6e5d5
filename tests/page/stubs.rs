//! The list of stubs.

use super::{Looked, has};

#[test]
fn many_large_stubs_are_a_page_that_can_be_shown() {
    let looked = Looked::start();
    let address = format!("{}@example.com", "a".repeat(60));
    let stubs: Vec<_> = (0..250)
        .map(|_| serde_json::json!({"stage": "rcpt", "when": {"recipient": vec![&address; 40]}, "reply": "450 4.2.0 later"}))
        .collect();
    for _ in 0..3 {
        looked.0.post_json("stubs", &serde_json::to_string(&stubs).unwrap()).expect(201);
    }
    let page = looked.page("/stubs");
    has(&page, &["<article id=", &address, "</article>"]);
    assert_eq!(page.matches("<article").count(), 500);
    assert!(page.contains("+250") && !page.contains("Only its beginning"));
    let large = serde_json::json!({"stage": "rcpt", "when": {"recipient": vec![&address; 10_000]}, "priority": -1, "reply": "450 4.2.0 later"});
    looked.0.post_json("stubs", &large.to_string()).expect(201);
    let more = looked.page("/stubs");
    let id = more.split("<article id=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    has(&more, &["Only its beginning is shown.", &format!("/api/v1/stubs/{id}")]);
    assert!(more.len() < page.len() + 10_000, "{}", more.len());
}
