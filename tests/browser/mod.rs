//! The page in a browser: Debian's Chromium, driven by its ChromeDriver.

mod access;
mod door;
mod hostile;
mod live;
mod messages;
mod reproduce;
mod rules;
mod session;
mod state;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Request, Response};
use serde_json::{Value, json};
use thirtyfour::error::{WebDriverError, WebDriverResult};
use thirtyfour::session::http::{Body, HttpClient};
use thirtyfour::{By, ChromiumLikeCapabilities, DesiredCapabilities, TypingData, WebDriver, WebElement};

use crate::api::{Asked, http};
use crate::program::Watchdog;

/// What one looks at a page with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Desk,
    Phone,
}

/// A browser of its own, with an empty profile. It is ended when it goes out of scope.
struct Browser {
    driver: WebDriver,
    site: SocketAddr,
    _process: ChromeDriver,
    _profile: tempfile::TempDir,
    _watchdog: Watchdog,
}

impl Browser {
    /// A browser at a desk that speaks this language, for the pages of that mockmx.
    async fn open(asked: &Asked, language: &str) -> Self {
        Self::open_on(Device::Desk, asked, language).await
    }

    async fn open_on(device: Device, asked: &Asked, language: &str) -> Self {
        // The port that it finds free may be taken when it binds it.
        let (process, address) = (0..5).find_map(|_| ChromeDriver::start()).expect("a ChromeDriver that starts");
        let watchdog = Watchdog::over(&process.0, "TERM");
        let profile = tempfile::tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            // Root, as which containers run tests, has no sandbox of its own.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,900",
        ] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_arg(&format!("--accept-lang={language}")).unwrap();
        wanted.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        if device == Device::Phone {
            // The least width at which one need not scroll sideways (WCAG 1.4.10).
            let phone = json!({"deviceMetrics": {"width": 320, "height": 844, "pixelRatio": 1.0, "touch": true}});
            wanted.add_experimental_option("mobileEmulation", phone).unwrap();
        }
        let url = format!("http://{address}");
        let driver = WebDriver::builder(url.as_str(), wanted).client(Loopback(address)).await.unwrap();
        Self { driver, site: asked.http(), _process: process, _profile: profile, _watchdog: watchdog }
    }

    async fn go(&self, path: &str) {
        self.driver.goto(format!("http://{}{path}", self.site)).await.unwrap();
    }

    /// The path and query of where it is.
    async fn at(&self) -> String {
        let url = self.driver.current_url().await.unwrap();
        url.as_str().trim_start_matches(&format!("http://{}", self.site)).to_owned()
    }

    /// The element, as soon as it is there.
    async fn find(&self, css: &str) -> WebElement {
        self.until(css, |_| true).await
    }

    /// The first element that is wanted, as soon as it is there.
    async fn until(&self, css: &str, wanted: impl Fn(&str) -> bool) -> WebElement {
        let mut seen = Vec::new();
        for _ in 0..400 {
            seen.clear();
            for element in self.driver.find_all(By::Css(css)).await.unwrap() {
                // It may be gone again.
                let Ok(text) = element.text().await else { continue };
                if wanted(&text) {
                    return element;
                }
                seen.push(text);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("no such `{css}` at {}, but {seen:?}: {}", self.at().await, self.text("body").await);
    }

    async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    /// The text of the first such element.
    async fn text(&self, css: &str) -> String {
        self.driver.find(By::Css(css)).await.unwrap().text().await.unwrap()
    }

    async fn texts(&self, css: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for element in self.driver.find_all(By::Css(css)).await.unwrap() {
            texts.push(element.text().await.unwrap());
        }
        texts
    }

    async fn press(&self, keys: impl Into<TypingData>) {
        self.driver.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// What the clock shows on the page of a lane's state, in milliseconds.
    async fn clock(&self) -> u64 {
        self.script("return Number(document.getElementById('now').dataset.shows)").await.as_u64().unwrap()
    }

    /// Waits until that clock is as it is wanted, which may be on the next page.
    async fn until_clock(&self, wanted: impl Fn(u64) -> bool) {
        for _ in 0..400 {
            if wanted(self.clock().await) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the clock did not become what is wanted at {}", self.at().await);
    }

    /// What a script returns.
    async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap().json().clone()
    }

    /// Waits until a script returns true.
    async fn until_script(&self, script: &str) {
        for _ in 0..400 {
            if self.script(script).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("`{script}` did not become true at {}", self.at().await);
    }
}

/// The process, which ends its browsers when it is asked to end.
struct ChromeDriver(Child);

impl ChromeDriver {
    /// Starts one, and says where it listens.
    fn start() -> Option<(Self, SocketAddr)> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Self(command.spawn().unwrap());
        let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| {
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // It must not stop at a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some((process, SocketAddr::from(([127, 0, 0, 1], port?))))
    }
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// Speaks with ChromeDriver, which is on this machine.
struct Loopback(SocketAddr);

#[async_trait::async_trait]
impl HttpClient for Loopback {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let mut asking = http::Request::new(self.0, parts.method.as_str(), parts.uri.path());
        if let Body::Json(body) = body {
            asking = asking.header("Content-Type", "application/json").body(body.to_string().as_bytes());
        }
        let answer = tokio::task::spawn_blocking(move || asking.send()).await;
        let answer = answer.map_err(|error| WebDriverError::FatalError(error.to_string()))?;
        Ok(Response::builder().status(answer.status).body(answer.body.into()).unwrap())
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self(self.0))
    }
}

/// axe-core, which the tests' clients are installed with.
fn axe() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(file).expect("axe-core is there: `make tools` installs it")
}
