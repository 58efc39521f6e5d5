//! Who is answered.

use super::Asked;
use super::http::{Answer, Request};
use crate::program::{Serving, mockmx, said};

fn ask(asked: &Asked, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::new(asked.http(), "GET", path);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
}

#[test]
fn with_a_token_everything_but_health_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = mockmx(folder.path());
    command
        .env("MOCKMX_HTTP_TOKEN", "s3cret-t0ken")
        .env("MOCKMX_LOG__FILTER", "trace")
        .stderr(std::process::Stdio::piped());
    let mut asked = Asked { serving: Serving::spawn(&mut command), folder };
    let mut log = asked.serving.errors();
    for path in ["/api/v1/sessions", "/api/v1/openapi.json", "/metrics", "/api/v1/nothing"] {
        for authorization in [
            None,
            Some("Bearer wrong"),
            Some("Bearer s3cret-t0keN"),
            Some("Basic s3cret-t0ken"),
            Some("s3cret-t0ken"),
            Some("Bearer "),
        ] {
            let headers: Vec<_> = authorization.iter().map(|value| ("Authorization", *value)).collect();
            let answer = ask(&asked, path, &headers);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"mockmx\""));
            answer.problem(401);
        }
    }
    ask(&asked, "/metrics", &[("Authorization", "Bearer s3cret-t0ken")]).expect(200);
    ask(&asked, "/api/v1/sessions", &[("Authorization", "bearer s3cret-t0ken")]).expect(200);
    ask(&asked, "/healthz", &[]).expect(200);
    ask(&asked, "/readyz", &[("Host", "balancer.test")]).expect(200);
    asked.serving.signal("TERM");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut log, &mut text).unwrap();
    assert!(text.contains("stopped") && !text.contains("s3cret"), "{text}");
}

#[test]
fn a_reload_takes_another_token() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mockmx.toml");
    std::fs::write(&file, "http-token = \"first\"\n").unwrap();
    let mut command = mockmx(folder.path());
    let mut asked = Asked { serving: Serving::spawn(command.stderr(std::process::Stdio::piped())), folder };
    let mut log = asked.serving.errors();
    ask(&asked, "/metrics", &[("Authorization", "Bearer first")]).expect(200);
    std::fs::write(&file, "http-token = \"second\"\nhttp-hosts = [\"mx.test\"]\n").unwrap();
    asked.serving.signal("HUP");
    crate::serve::until(&mut log, "took new settings and packs");
    ask(&asked, "/metrics", &[("Authorization", "Bearer first")]).problem(401);
    ask(&asked, "/metrics", &[("Authorization", "Bearer second"), ("Host", "MX.test:8025")]).expect(200);
}

#[test]
fn beyond_this_machine_it_does_not_start_without_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let all = ["--smtp", "0", "--submission", "0", "--smtps", "0", "--http", ":0"];
    let output = mockmx(folder.path()).args(all).args(["--log", "off"]).output().unwrap();
    let (_, errors, code) = said(&output);
    assert_eq!(code, Some(1));
    assert!(errors.contains("--http: `http` on 0.0.0.0:0 can be asked by other machines"), "{errors}");
    assert!(errors.contains("help: set `http-token` (MOCKMX_HTTP_TOKEN, --http-token), or `http-open`"), "{errors}");
    for more in [&["--http-open"][..], &["--http-token", "x"]] {
        let mut command = mockmx(folder.path());
        let serving = Serving::spawn_as_set(command.args(all).args(["--log", "off"]).args(more));
        assert!(serving.address("http").ip().is_unspecified());
    }
}

#[test]
fn a_name_that_is_not_ours_is_not_answered() {
    let asked = Asked::start(&["--http-host", "mockmx.test"]);
    for host in ["localhost", "[::1]:8025", "10.1.2.3", "MOCKMX.test:1"] {
        ask(&asked, "/api/v1/clock", &[("Host", host)]).expect(200);
    }
    for host in ["evil.test", "mockmx.test.evil.test:8025", "user@localhost", ""] {
        ask(&asked, "/api/v1/clock", &[("Host", host)]).problem(421);
    }
    ask(&asked, "/api/v1/clock", &[("Host", "localhost"), ("Host", "localhost")]).problem(421);
    let absolute =
        Request::new(asked.http(), "GET", "http://evil.test/api/v1/clock").header("Host", "localhost").send();
    absolute.problem(421);
}

#[test]
fn a_page_of_another_site_can_do_nothing() {
    let asked = Asked::start(&[]);
    let own = format!("http://{}", asked.http());
    asked.deliver("a@client.test", "user@263.net", b"x");
    let delete = |headers: &[(&str, &str)]| {
        let request = asked.request("DELETE", "messages");
        headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    delete(&[("Origin", "http://evil.test")]).problem(403);
    delete(&[("Origin", "null")]).problem(403);
    delete(&[("Sec-Fetch-Site", "cross-site")]).problem(403);
    assert_eq!(asked.items("messages").len(), 1);
    let answer = delete(&[("Origin", &own), ("Sec-Fetch-Site", "same-origin")]).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
