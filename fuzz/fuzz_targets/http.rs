//! A request over HTTP: a line of method and target, header fields, an empty line, a body. It is answered in kind, and
//! never by a fault of ours.
#![no_main]

use std::cell::RefCell;

use http::Request;
use libfuzzer_sys::fuzz_target;
use mockmx::http::fuzzing::Served;

thread_local! {
    static SERVED: RefCell<Served> = RefCell::new(Served::new(mockmx_fuzz::generation()).expect("it is served"));
}

fn request(bytes: &[u8]) -> Option<Request<Vec<u8>>> {
    let at = bytes.windows(2).position(|two| two == b"\n\n")?;
    let head = std::str::from_utf8(&bytes[..at]).ok()?;
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target).header("Host", "localhost");
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    request.body(bytes[at + 2..].to_vec()).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = request(bytes) else { return };
    let (method, target) = (request.method().clone(), request.uri().clone());
    SERVED.with_borrow_mut(|served| {
        let response = served.answer(request).expect("the response is whole");
        let status = response.status().as_u16();
        // It is as if mockmx were stopping.
        assert!(status < 500 || status == 503, "{method} {target}: {response:?}");
        let media = response.headers().get("content-type").and_then(|media| media.to_str().ok()).unwrap_or_default();
        if method != http::Method::HEAD && media.contains("json") {
            serde_json::from_slice::<serde_json::Value>(response.body()).expect("JSON is JSON");
        }
        served.forget().expect("there are metrics");
    });
});
