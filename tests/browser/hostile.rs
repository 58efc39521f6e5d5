//! Mail that would run, load or show something.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::Browser;
use crate::api::Asked;
use crate::api::http::PATIENCE;

/// What stands in every field that a stranger fills in. `HOST` is a listener of the test's, which nobody must ask.
const CORPUS: [&str; 25] = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror=window.ran=1>",
    "<img src=http://HOST/img>",
    "\"><svg onload=window.ran=1>",
    "'><iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "javascript:window.ran=1",
    "</title><script>window.ran=1</script>",
    "</textarea><script>window.ran=1</script>",
    "</pre></code><script>window.ran=1</script>",
    "<a href=javascript:window.ran=1 autofocus onfocus=window.ran=1>x</a>",
    "<details open ontoggle=window.ran=1>",
    "<body onload=window.ran=1>",
    "<link rel=stylesheet href=http://HOST/css>",
    "<style>@import 'http://HOST/import';*{background:url(http://HOST/url)}</style>",
    "<select><style></select><link rel=preconnect href=http://HOST><img src=http://HOST/select></style>",
    "<meta http-equiv=refresh content='0;url=http://HOST/refresh'>",
    "<base href=http://HOST/>",
    "<form action=http://HOST/form><input type=submit autofocus></form>",
    "<object data=http://HOST/object></object><embed src=http://HOST/embed>",
    "<video src=http://HOST/video autoplay></video>",
    "<math><mi//xlink:href='data:x,<script>window.ran=1</script>'>",
    "{{constructor.constructor('window.ran=1')()}} ${window.ran=1} <%= 1 %>",
    "<div hx-get=http://HOST/htmx hx-trigger=load hx-on:load='window.ran=1'></div>",
    "<div data-hx-on--load='window.ran=1' data-copy data-stream=http://HOST/sse></div>",
    "\u{202e}gpj.exe\u{2066}<!--<img title='--><script>window.ran=1</script>'>",
];

/// A message with one of these wherever text can be.
fn message(hostile: &str) -> Vec<u8> {
    let name = hostile.replace(['"', '\\'], "'");
    format!(
        "From: \"{name}\" <a@example.org>\r\nTo: \"{name}\" <b@example.com>\r\nSubject: {hostile}\r\nX-Hostile: {hostile}\r\n\
         Message-ID: <{hostile}>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{hostile}\r\n\
         --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{hostile}</body></html>\r\n\
         --b\r\nContent-Type: image/svg+xml; name=\"{name}.svg\"\r\nContent-Disposition: attachment; filename=\"{name}.svg\"\r\n\r\n\
         <svg xmlns='http://www.w3.org/2000/svg' onload='window.ran=1'><script>window.ran=1</script></svg>\r\n--b--"
    )
    .into_bytes()
}

#[tokio::test]
async fn hostile_mail_runs_nothing_and_loads_nothing() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = trap.local_addr().unwrap().to_string();
    let asked = Asked::start(&[]);
    for (number, hostile) in CORPUS.iter().enumerate() {
        let hostile = hostile.replace("HOST", &host);
        // Addresses and names with what their grammar lets through, and a keyword that has the rest shown.
        let local: String = hostile.chars().filter(|c| !"\\\"\r\n".contains(*c) && c.is_ascii()).take(60).collect();
        let from = format!("\"{local}\"@example.org");
        let helo: String = hostile.split_whitespace().next().unwrap_or_default().to_owned();
        let script = format!("EHLO {helo}\r\nMAIL FROM:<{from}>\r\nRCPT TO:<u{number}@example.com>\r\nDATA\r\n");
        asked.smtp(&[script.as_bytes(), &message(&hostile), b"\r\n.\r\nQUIT\r\n"].concat());
        let keyword = [message(&hostile), "\r\n代开发票".as_bytes().to_vec()].concat();
        asked.deliver(&from, "user@example.com", &keyword);
        asked.deliver(&from, "delayed-then-failed@neutral.mockmx.test", &message(&hostile));
        asked.deliver(&from, "keyword@263.mockmx.test", &message(&hostile));
    }
    let browser = Browser::open(&asked, "en").await;
    let mut paths: Vec<_> = super::access::PAGES.iter().map(|path| (*path).to_owned()).collect();
    for collection in ["sessions", "messages", "outbox"] {
        let items = asked.items(&format!("{collection}?limit=1000"));
        paths.extend(items.iter().map(|item| format!("/{collection}/{}", item["id"].as_str().unwrap())));
    }
    assert!(paths.len() > 5 * CORPUS.len(), "{paths:?}");
    for path in paths {
        browser.go(&path).await;
        let seen = browser
            .script(
                "return [window.ran === undefined && frames.length < 3, \
                 performance.getEntriesByType('resource').every(it => it.name.startsWith(location.origin + '/')), \
                 document.querySelectorAll('script').length, document.querySelectorAll('base, object, embed, video').length]",
            )
            .await;
        assert_eq!(seen, serde_json::json!([true, true, 2, 0]), "{path}");
    }
    // Nothing was asked for elsewhere, neither by a page nor by what is shown in a frame: who comes first is who is sent.
    let heard = std::thread::spawn(move || {
        let (mut asking, _) = trap.accept().unwrap();
        asking.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = [0; 100];
        let length = asking.read(&mut request).unwrap_or_default();
        asking.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    browser.driver.goto(format!("http://{host}/sent")).await.unwrap();
    let heard = heard.join().unwrap();
    assert!(heard.starts_with("GET /sent "), "somebody was asked for {heard:?}");
}
