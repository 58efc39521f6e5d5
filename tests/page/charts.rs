//! Verdicts a minute, and time in each stage.

use super::{Looked, between};

#[test]
fn nothing_is_said_to_be_nothing() {
    let looked = Looked::start();
    let page = looked.page("/charts");
    assert!(page.contains("Nothing was judged in this hour.") && page.contains("Nothing was judged yet."), "{page}");
    assert!(!page.contains("<rect x=") && !page.contains("id=\"table\""), "{page}");
    assert!(looked.page("/charts?lang=zh").contains("最近一小时没有判定。"));
}

#[test]
fn verdicts_are_drawn_by_provider_and_can_be_read_as_numbers() {
    let looked = Looked::start();
    for rule in ["keyword@263", "user-unknown@263", "user-unknown@263", "nonesuch@21cn"] {
        looked.deliver("me@example.org", &format!("{rule}.mockmx.test"));
    }
    let page = looked.page("/charts");
    let legend = between(&page, "<ul id=\"legend\"", "</ul>")[0];
    assert_eq!(between(legend, "<a href=\"/?provider=", "\""), ["263", "mockmx"]);
    assert_eq!(between(legend, "<span class=\"count\">", "<"), ["3", "1"]);
    // Colour and pattern are named by the place in the legend.
    assert_eq!(between(legend, "fill=\"url(#", ")"), ["fill-0", "fill-1"]);
    let drawn = between(&page, "<svg id=\"verdicts\"", "</svg>")[0];
    let (mut of_263, mut of_mockmx) = (0, 0);
    for (title, fill) in between(drawn, "<title>", "</title>").into_iter().zip(between(drawn, "fill=\"url(#", ")")) {
        let (minute, told) = title.split_at(5);
        assert!(minute.as_bytes()[2] == b':', "{title}");
        let (name, count) = told.trim().split_once(": ").unwrap();
        let count: u64 = count.parse().unwrap();
        match (name, fill) {
            ("263", "fill-0") => of_263 += count,
            ("mockmx", "fill-1") => of_mockmx += count,
            other => panic!("{other:?}"),
        }
    }
    // A minute may have ended between them.
    assert_eq!((of_263, of_mockmx), (3, 1));
    let table = between(&page, "<table class=\"numbers\" id=\"table\">", "</table>")[0];
    let cells: u64 = between(table, "<td>", "</td>").into_iter().map(|cell| cell.parse::<u64>().unwrap()).sum();
    assert_eq!((cells, table.contains("<th scope=\"col\">263</th>")), (4, true));
}

#[test]
fn each_stage_tells_how_long_it_took() {
    let looked = Looked::start();
    looked.deliver("me@example.org", "a@263.net");
    for (lang, words) in [("en", ["Time in each stage", "Times"]), ("zh", ["各阶段耗时", "次数"])] {
        let page = looked.page(&format!("/charts?lang={lang}"));
        assert!(words.iter().all(|word| page.contains(word)), "{lang}");
        let table = between(&page, "id=\"judged\">", "</table>")[0];
        let stages: Vec<_> = between(table, "<th scope=\"row\">", "<");
        assert_eq!(stages, ["connect", "helo", "mail", "rcpt", "data", "message", "command"], "{table}");
        let rcpt = between(table, "<th scope=\"row\">rcpt</th>", "</tr>")[0];
        let cells = between(rcpt, "<td>", "</td>");
        assert_eq!((cells.len(), cells[0]), (3, "1"));
        assert!(cells[1..].iter().all(|time| time.ends_with("µs") || time.ends_with("ms") || time.ends_with(" s")));
    }
}
