//! The built program, as tests run it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// A command that runs mockmx in `folder`, with nothing of mockmx's in its environment and no colours.
pub(crate) fn mockmx(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mockmx"));
    without_settings(&mut command);
    command.current_dir(folder).env_remove("COLUMNS").env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
    command.stdin(Stdio::null());
    command
}

/// Leaves mockmx's variables out of a command's environment.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MOCKMX_") {
            command.env_remove(name);
        }
    }
}

/// What a command that ends by itself says.
pub(crate) fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// A mockmx that serves on free ports of 127.0.0.1. It is killed when it goes out of scope.
pub(crate) struct Serving {
    child: Child,
    output: BufReader<ChildStdout>,
    addresses: Vec<(String, SocketAddr)>,
    _watchdog: Watchdog,
}

impl Serving {
    /// Starts it with `arguments`, and reads the addresses that it prints. What it logs as wrong is the test's own output.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::spawn(mockmx(folder).env("MOCKMX_LOG__FILTER", "warn").args(arguments))
    }

    /// Starts `command` on free ports; it must have no listeners but the four default ones.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_as_set(command.args(["--smtp", "0", "--submission", "0", "--smtps", "0", "--http", "0"]))
    }

    /// Starts `mockmx reproduce --serve`, which prints what it found before it prints where it listens.
    pub(crate) fn spawn_reproduction(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = mockmx(folder);
        command.env("MOCKMX_LOG__FILTER", "warn").args(arguments);
        Self::spawn(&mut command)
    }

    /// Starts `command` where it is set to listen, with the four default listeners.
    pub(crate) fn spawn_as_set(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let watchdog = Watchdog::over(&child, "KILL");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut addresses = Vec::new();
        for _ in 0..4 {
            let mut line = String::new();
            while line.is_empty() || (addresses.is_empty() && !line.starts_with("listening ")) {
                line.clear();
                assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended");
            }
            let words: Vec<_> = line.split_whitespace().collect();
            let ["listening", name, address] = words[..] else { panic!("{line:?} is no address") };
            addresses.push((name.to_owned(), address.parse().unwrap()));
        }
        Self { child, output, addresses, _watchdog: watchdog }
    }

    /// Watches over it so long from now on, for what is more than one test's work.
    pub(crate) fn watch_for(&mut self, time: Duration) {
        self._watchdog = Watchdog::for_so_long(&self.child, "KILL", time);
    }

    /// Where the listener of that name listens.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let found = self.addresses.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("there is no listener {name}")).1
    }

    /// Reads one more address that it prints, which must be that listener's.
    pub(crate) fn one_more(&mut self, name: &str) -> SocketAddr {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix(&format!("listening {name} "));
        address.unwrap_or_else(|| panic!("{line:?} is not of {name}")).parse().unwrap()
    }

    /// Reads one more line that it prints, behind `text`; 0 if it ended.
    pub(crate) fn line(&mut self, text: &mut String) -> usize {
        self.output.read_line(text).unwrap()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The listeners' names, in the order in which they were printed.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.addresses.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Waits for its end: what else it printed, and its exit code.
    pub(crate) fn end(mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        while self.output.read_line(&mut rest).unwrap() > 0 {}
        (rest, self.child.wait().unwrap().code())
    }

    /// Its standard error, if the command piped it.
    pub(crate) fn errors(&mut self) -> impl BufRead + use<> {
        BufReader::new(self.child.stderr.take().unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ends a process that a test waits for in vain, so that the test fails and does not hang.
pub(crate) struct Watchdog(#[expect(dead_code, reason = "it is dropped, which ends the watch")] mpsc::Sender<()>);

impl Watchdog {
    /// Watches `child` until this goes out of scope, for two minutes at most; then it gets the signal of that name.
    pub(crate) fn over(child: &Child, signal: &'static str) -> Self {
        Self::for_so_long(child, signal, Duration::from_secs(120))
    }

    /// The same for another time.
    pub(crate) fn for_so_long(child: &Child, signal: &'static str, time: Duration) -> Self {
        let (watched, watch) = mpsc::channel();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if watch.recv_timeout(time) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-s", signal, &id]).status();
            }
        });
        Self(watched)
    }
}
