//! Which rules were met.

use super::{Looked, between};

#[test]
fn what_a_sender_was_never_shown_is_listed() {
    let looked = Looked::start();
    let part = |page: &str| between(page, "<section class=\"covered\" id=\"c-263\"", "</section>")[0].to_owned();
    let before = part(&looked.page("/coverage"));
    assert!(before.contains("<span>0 of 33</span>") && before.contains("Never met (33)"), "{before}");
    assert!(!before.contains("class=\"met\""), "{before}");
    for rule in ["keyword", "user-unknown", "keyword"] {
        looked.deliver("me@example.org", &format!("{rule}@263.mockmx.test"));
    }
    let after = part(&looked.page("/coverage"));
    assert!(after.contains("max=\"33\" value=\"2\"") && after.contains("<span>2 of 33</span>"), "{after}");
    let never = between(&after, "<details class=\"never\"", "</details>")[0];
    let met = between(&after, "<details class=\"met\"", "</details>")[0];
    assert_eq!((never.matches("<li>").count(), met.matches("<li>").count()), (31, 2));
    assert!(never.contains("<code>sender-in-prison@263.mockmx.test</code>") && !never.contains("263/keyword\""));
    // The most frequent first.
    assert_eq!(between(met, "href=\"/providers/263/", "\""), ["keyword", "user-unknown"]);
    assert_eq!(between(met, "<span class=\"count some\">", "×"), ["2", "1"]);
    let zh = part(&looked.page("/coverage?lang=zh"));
    assert!(zh.contains("从未触发 (31)") && zh.contains("2 / 33"), "{zh}");
}

#[test]
fn one_provider_can_be_looked_at_alone() {
    let looked = Looked::start();
    looked.deliver("me@example.org", "keyword@263.mockmx.test");
    let page = looked.page("/coverage?provider=263");
    assert_eq!(between(&page, "<section class=\"covered\" id=\"c-", "\""), ["263"]);
    assert!(page.contains("<strong>1 of 33</strong>") && page.contains("mockmx try --all 263</code>"), "{page}");
    assert!(page.contains("<details class=\"never\" open>"));
    assert!(looked.page("/coverage?provider=").contains("mockmx try --all</code>"), "a form sends what is empty, too");
    let page = looked.page_of("/coverage?provider=%3Cb%3E263", 404);
    assert!(page.contains("&#60;b&#62;263") && !page.contains("<b>263"), "{page}");
    assert!(looked.page_of("/coverage?provider=netese", 404).contains("did you mean `netease`?"));
    looked.page_of("/coverage?providers=263", 400);
}
