//! Providers, their maps, and their rules.

use super::{Looked, between};

#[test]
fn providers_are_listed_with_what_fired() {
    let looked = Looked::start();
    looked.deliver("me@example.org", "keyword@263.mockmx.test");
    for (lang, words) in [("en", ["Providers", "33 rules", "1 fired"]), ("zh", ["服务商", "33 条规则", "1 条已触发"])]
    {
        let page = looked.page(&format!("/providers?lang={lang}"));
        let row = between(&page, "<tr id=\"p-263\">", "</tr>")[0];
        assert!(page.contains(&format!("<h1>{}</h1>", words[0])) && row.contains("263.net, 263xmail.com"), "{row}");
        assert!(words[1..].iter().all(|word| row.contains(word)), "{row}");
        for provider in ["21cn", "netease", "neutral", "wanxiang", "xinnet"] {
            assert!(page.contains(&format!("data-row href=\"/providers/{provider}\"")), "{provider}");
        }
    }
}

#[test]
fn mockmx_tells_of_its_own_rules() {
    let looked = Looked::start();
    assert!(looked.deliver("me@example.org", "nonesuch@263.mockmx.test").contains("550 mockmx: there is no rule"));
    let page = looked.page("/providers");
    let own = between(&page, "<section id=\"mockmx\"", "</section>")[0];
    assert!(own.contains("<code>mockmx/unknown-rule</code> <span class=\"count\">1×</span>"), "{own}");
    assert!(own.contains("mockmx/journal") && own.contains("href=\"/?rule=mockmx/unknown-rule\""), "{own}");
    assert_eq!(looked.page("/?rule=mockmx/unknown-rule").matches("<tr id=\"s-").count(), 1);
}

#[test]
fn a_map_leads_from_the_banner_to_the_mailbox_and_beyond() {
    let looked = Looked::start();
    for _ in 0..2 {
        looked.deliver("me@example.org", "keyword@263.mockmx.test");
    }
    let page = looked.page("/providers/263");
    assert!(page.contains("<code>220 Welcome to TAP gateway for 263</code>"));
    let way = between(&page, "<ol class=\"way\"", "</section>")[0];
    let stages = between(way, "<li id=\"stage-", "\"");
    assert_eq!(stages, ["connect", "helo", "auth", "mail", "rcpt", "data", "message", "mailbox", "later"]);
    let at = |stage: &str| {
        let rest = way.split(&format!("<li id=\"stage-{stage}\"")).nth(1).unwrap();
        rest.split("<li id=\"stage-").next().unwrap().to_owned()
    };
    for (stage, rule) in
        [("connect", "rbl"), ("mail", "sender-in-prison"), ("rcpt", "user-unknown"), ("mailbox", "spam-unknown")]
    {
        assert!(at(stage).contains(&format!("href=\"/providers/263/{rule}\"")), "{rule}");
    }
    let message = at("message");
    let keyword = between(&message, "id=\"r-keyword\"", "</a>")[0];
    assert!(keyword.contains("598") && keyword.contains("2×") && keyword.contains("refused"), "{keyword}");
    assert!(at("later").contains("tracking-target-full") && at("data").find("<a ").is_none());
    let zh = looked.page("/providers/263?lang=zh");
    assert!(zh.contains("从欢迎语到邮箱") && zh.contains("<h3>邮件内容</h3>"));
    // What the document says of texts that no rule has.
    let text = between(&page, "<details id=\"e-", "</details>")[0];
    assert!(text.contains("<pre><code>") && text.contains("policies/263.toml:"), "{text}");
}

#[test]
fn a_rule_says_why_what_to_do_and_how_to_meet_it() {
    let looked = Looked::start();
    looked.deliver("me@example.org", "keyword@263.mockmx.test");
    for (lang, words) in [("en", ["refused", "Its sessions", "Try it"]), ("zh", ["已拒收", "相关会话", "试一试"])]
    {
        let page = looked.page(&format!("/providers/263/keyword?lang={lang}"));
        for wanted in [
            "<code>598  mail rejected by keyword</code>",
            "代开发票",
            "The subject or the body holds a word",
            "请用户检查主题或内容",
            "Look for words of politics",
            "263 W022 §4.0.9 F",
            "policies/263.toml:",
            "<code id=\"trigger\">keyword@263.mockmx.test</code>",
            "mockmx try 263/keyword",
            "href=\"/?rule=263/keyword\"",
        ] {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
        assert!(words.iter().all(|word| page.contains(word)), "{lang}");
        assert_eq!(between(&page, "<dd id=\"fired\">", "×"), ["1"]);
        // As a terminal would say it: to the port that was taken, and not to the one that was asked for.
        let swaks = between(&page, "<code>swaks ", "</code>")[0];
        let server = looked.0.serving.address("smtp");
        assert_eq!(swaks, format!("--server {server} --from sender@example.org --to keyword@263.mockmx.test"));
        assert_eq!(page.matches(" data-copy>").count(), 6);
    }
    assert_eq!(looked.page("/?rule=263/keyword").matches("<tr id=\"s-").count(), 1);
}

#[test]
fn a_rule_says_what_is_out_of_the_ordinary() {
    let looked = Looked::start();
    let page = looked.page("/providers/netease/hl-mep-since-2012");
    assert!(page.contains("since 2012-"), "{page}");
    assert!(looked.page("/providers/netease/hl-mep-since-2012?lang=zh").contains("自 2012-"));
    let page = looked.page("/providers/neutral/reset-after-354");
    assert!(page.contains("the connection is reset"), "{page}");
    let page = looked.page("/providers/263/sender-in-prison");
    assert!(page.contains("MAIL FROM:&#60;sender-in-prison@263.mockmx.test&#62;"), "{page}");
    assert!(page.contains("swaks --server") && page.contains("--from sender-in-prison@263.mockmx.test"), "{page}");
}

#[test]
fn what_there_is_not_is_said_on_a_page_with_what_may_be_meant() {
    let looked = Looked::start();
    for (path, wanted) in [
        ("/providers/264", "did you mean `263`?"),
        ("/providers/263/keywrd", "did you mean `keyword`?"),
        ("/providers/nothing/keyword", "there are 21cn, 263,"),
        ("/providers/%3Cscript%3Ealert(1)%3C%2Fscript%3E", "&#60;script&#62;"),
        ("/providers/263/%3Cb%3E%E2%80%AE", "&#60;b&#62;\\u{202e}"),
        ("/providers/263/keyword/more", "there is nothing here"),
    ] {
        let page = looked.page_of(path, 404);
        assert!(page.contains(wanted), "{path}: {page}");
    }
}
