//! The merged tree, read into [`Settings`].

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::values::{ADDRESS_HELP, address, duration, helped, name, number, number_or_text, path, size, word};
use super::{
    DnsSettings, JournalSettings, ListenerSettings, LogFormat, LogSettings, Secret, ServerLimits, Settings, TlsSettings,
};
use crate::accounts::Accounts;
use crate::address::parse_domain;
use crate::document::{Node, Table, note, text};
use crate::facts::{Role, TlsFault, TlsMode};
use crate::identity::Zones;
use crate::journal::{LOCATION_HELP, Location};
use crate::lane::LaneName;
use crate::problem::{Place, Problem, Problems};

/// The settings in `root`. What cannot be read is noted, and the default stands in its place.
pub(super) fn settings(root: &Node, problems: &mut Problems) -> Settings {
    let mut table = Table::of(root, problems);
    let listeners = default_listeners(&mut table, problems);
    let http = table.node("http").map_or_else(
        || Some((SocketAddr::from(([127, 0, 0, 1], 8025)), Place::Default)),
        |node| Some((or_off(node, problems)?, node.place.clone())),
    );
    let provider = table.node("provider").and_then(|node| Some((text(node, problems)?.to_owned(), node.place.clone())));
    let listeners = more_listeners(listeners, table.list("listener"), problems);
    let policies = texts(table.list("policies"), problems).map(|(text, place)| (path(text, place), place.clone()));
    let policies = policies.collect();
    let hosted = table.list("hosted").iter().filter_map(|node| {
        let domain = note(node, parse_domain(text(node, problems)?), problems)?;
        Some((domain, node.place.clone()))
    });
    let hosted = hosted.collect();
    let (http_token, http_open) = (token(&mut table, problems), table.boolean("http-open", problems).unwrap_or(false));
    let http_hosts = table.list("http-hosts").iter();
    let http_hosts = http_hosts.filter_map(|node| note(node, parse_domain(text(node, problems)?), problems)).collect();
    check_reach(http.as_ref(), http_token.is_some() || http_open, problems);
    let dns = dns(&mut table, problems);
    let outbox = super::outbox::outbox(&mut table, &listeners, problems);
    check_addresses(&listeners, [("http", http.as_ref()), ("dns", dns.listen.as_ref())], root, problems);
    let settings = Settings {
        provider,
        listeners,
        http: http.map(|(address, _)| address),
        http_token,
        http_open,
        http_hosts,
        policies,
        stubs: table
            .node("stubs")
            .and_then(|node| Some((path(text(node, problems)?, &node.place), node.place.clone()))),
        hosted,
        as_of: table.converted("as-of", problems, crate::policy::date),
        habits: table.boolean("habits", problems).unwrap_or(true),
        domains: table.list("domain").to_vec(),
        mailboxes: table.list("mailbox").to_vec(),
        providers: table.node("providers").cloned(),
        journal: journal(&mut table, problems),
        accounts: accounts(&mut table, problems),
        auth_without_tls: auth(&mut table, problems),
        dns,
        outbox,
        limits: limits(&mut table, problems),
        tls: tls(&mut table, problems),
        log: log(&mut table, problems),
        file: None,
    };
    table.finish(problems);
    settings
}

/// The listeners that are there unless they are switched off.
fn default_listeners(table: &mut Table<'_>, problems: &mut Problems) -> Vec<ListenerSettings> {
    let mut listener = |key, default: ListenerSettings| {
        let Some(node) = table.node(key) else { return Some(default) };
        let address = or_off(node, problems)?;
        Some(ListenerSettings { address, place: node.place.clone(), ..default })
    };
    let [smtp, submission, smtps] = ListenerSettings::defaults();
    [listener("smtp", smtp), listener("submission", submission), listener("smtps", smtps)]
        .into_iter()
        .flatten()
        .collect()
}

/// The address in a node that can also hold `off`. One that cannot be read is still a listener, on no port of note.
fn or_off(node: &Node, problems: &mut Problems) -> Option<SocketAddr> {
    let unread = SocketAddr::from(([127, 0, 0, 1], 0));
    let Some(text) = number_or_text(node, "an address", problems) else { return Some(unread) };
    if text == "off" {
        return None;
    }
    let help = format!("{ADDRESS_HELP}; `off` switches it off");
    Some(helped(node, address(&text), &help, problems).unwrap_or(unread))
}

/// The token that HTTP asks for. A problem draws the line that it points at, and this one is not to be shown.
fn token(table: &mut Table<'_>, problems: &mut Problems) -> Option<Secret> {
    let node = table.node("http-token")?;
    let place = if let Place::File(..) = node.place { &Place::Default } else { &node.place };
    // What a header can carry as it is.
    let sound = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let token = node.as_text().filter(sound);
    if token.is_none() {
        let problem = Problem::new(place, "`http-token` is no token");
        problems.push(problem.help("a token is text of ASCII letters, digits and signs, without blanks"));
    }
    token.map(Secret::from)
}

/// Notes that other machines could ask whatever they like.
fn check_reach(http: Option<&(SocketAddr, Place)>, guarded: bool, problems: &mut Problems) {
    if let Some((address, place)) = http
        && !guarded
        && !address.ip().to_canonical().is_loopback()
    {
        let problem = Problem::new(place, format!("`http` on {address} can be asked by other machines"));
        problems.push(problem.help(
            "set `http-token` (MOCKMX_HTTP_TOKEN, --http-token), or `http-open` (--http-open) if everybody may ask",
        ));
    }
}

fn more_listeners(
    mut listeners: Vec<ListenerSettings>,
    nodes: &[Node],
    problems: &mut Problems,
) -> Vec<ListenerSettings> {
    for node in nodes {
        let Some(listener) = listener(node, problems) else { continue };
        if listeners.iter().any(|other| other.name == listener.name) {
            let problem = Problem::new(&node.place, format!("there is a listener `{}` already", listener.name));
            problems.push(problem.help("`smtp`, `submission` and `smtps` are the names of the default ones"));
            continue;
        }
        listeners.push(listener);
    }
    listeners
}

fn listener(node: &Node, problems: &mut Problems) -> Option<ListenerSettings> {
    let before = problems.0.len();
    let mut table = Table::of(node, problems);
    let name = table.required("name", problems).and_then(|node| note(node, name(text(node, problems)?), problems));
    let address = table.required("address", problems).and_then(|node| {
        let text = number_or_text(node, "an address", problems)?;
        helped(node, address(&text), ADDRESS_HELP, problems)
    });
    let role =
        table.node("role").map(|node| word(node, &[("mx", Role::Mx), ("submission", Role::Submission)], problems));
    let modes = [("none", TlsMode::None), ("starttls", TlsMode::StartTls), ("implicit", TlsMode::Implicit)];
    let tls = table.node("tls").map(|node| word(node, &modes, problems));
    let faults = TlsFault::ALL.map(|fault| (fault.name(), fault));
    let tls_fault = table.node("tls-fault").and_then(|node| word(node, &faults, problems));
    let provider = table.text("provider", problems).map(str::to_owned);
    let rule = table.converted("rule", problems, |rule| trigger(rule, provider.as_deref()));
    let lane = table.converted("lane", problems, LaneName::parse);
    table.finish(problems);
    if problems.0.len() > before {
        return None;
    }
    let role = role.flatten().unwrap_or(Role::Mx);
    // As the default listeners of the two roles.
    let usual = if role == Role::Mx { TlsMode::None } else { TlsMode::StartTls };
    let tls = tls.flatten().unwrap_or(usual);
    Some(ListenerSettings {
        name: name?,
        address: address?,
        role,
        tls,
        tls_fault,
        provider,
        rule,
        lane,
        place: node.place.clone(),
    })
}

/// A rule named as `PROVIDER/RULE`, of the listener's provider if it has one.
fn trigger(rule: &str, provider: Option<&str>) -> Result<String, String> {
    match (rule.split_once('/'), provider) {
        (Some((of, id)), Some(provider)) if of != provider && !id.is_empty() => {
            Err(format!("`{rule}` is a rule of `{of}`, but this listener's provider is `{provider}`"))
        }
        (Some((of, id)), _) if !of.is_empty() && !id.is_empty() && !id.contains('/') => Ok(rule.to_owned()),
        _ => Err(format!("`{rule}` names no rule: it is written as in `263/keyword`")),
    }
}

/// Notes two listeners on one address, and that there is none.
fn check_addresses(
    listeners: &[ListenerSettings],
    others: [(&'static str, Option<&(SocketAddr, Place)>); 2],
    root: &Node,
    problems: &mut Problems,
) {
    if listeners.is_empty() && problems.0.is_empty() {
        problems.push(Problem::new(&root.place, "every listener is switched off"));
    }
    let all = listeners.iter().map(|listener| (listener.name.as_str(), listener.address, &listener.place));
    let all: Vec<_> = all
        .chain(others.into_iter().filter_map(|(name, other)| other.map(|(address, place)| (name, *address, place))))
        .collect();
    for (index, (name, address, place)) in all.iter().enumerate() {
        let same = all[..index].iter().find(|(_, other, _)| address.port() != 0 && other == address);
        if let Some((other, _, other_place)) = same {
            let place = if **place == Place::Default { other_place } else { place };
            problems.push(Problem::new(place, format!("`{other}` and `{name}` both listen on {address}")));
        }
    }
}

fn journal(table: &mut Table<'_>, problems: &mut Problems) -> JournalSettings {
    let mut journal = JournalSettings::default();
    if let Some(node) = table.node("journal")
        && let Some(text) = text(node, problems)
    {
        let location = Location::parse(text, |file| path(file, &node.place));
        set(&mut journal.location, helped(node, location, LOCATION_HELP, problems));
        journal.place = node.place.clone();
    }
    let keep = &mut journal.keep;
    set(&mut keep.sessions, table.node("keep-sessions").and_then(|node| number(node, 1..=1_000_000_000, problems)));
    set(&mut keep.bytes, table.node("keep-bytes").and_then(|node| size(node, MIB..=MIB * MIB, problems)));
    let years = 10 * 365 * DAY;
    keep.age = table.node("keep-for").and_then(|node| duration(node, SECOND..=years, problems));
    journal
}

fn accounts(table: &mut Table<'_>, problems: &mut Problems) -> Accounts {
    let mut passwords = HashMap::new();
    for node in table.list("account") {
        let mut account = Table::of(node, problems);
        let login = account.required("login", problems).and_then(|node| text(node, problems));
        let password = account.required("password", problems);
        // A problem draws the line that it points at, and the password's own is not to be shown.
        if password.is_some_and(|password| password.as_text().is_none()) {
            problems.push(Problem::new(&node.place, "its `password` is not text"));
        }
        account.finish(problems);
        if let (Some(login), Some(password)) = (login, password.and_then(Node::as_text))
            && passwords.insert(login.to_lowercase(), password.to_owned()).is_some()
        {
            problems.push(Problem::new(&node.place, format!("there is an account `{login}` already")));
        }
    }
    let any = table.node("accounts").and_then(|node| {
        let mut table = Table::of(node, problems);
        let any = table.boolean("any", problems);
        table.finish(problems);
        any
    });
    // Whoever named no account wants to see mail, not to be asked for a password.
    Accounts { any: any.unwrap_or(passwords.is_empty()), passwords }
}

fn auth(table: &mut Table<'_>, problems: &mut Problems) -> bool {
    let Some(node) = table.node("auth") else { return false };
    let mut table = Table::of(node, problems);
    let without_tls = table.boolean("without-tls", problems);
    table.finish(problems);
    without_tls.unwrap_or(false)
}

fn dns(table: &mut Table<'_>, problems: &mut Problems) -> DnsSettings {
    let Some(node) = table.node("dns") else { return DnsSettings::default() };
    let mut table = Table::of(node, problems);
    let listen = table.node("listen").and_then(|node| Some((or_off(node, problems)?, node.place.clone())));
    let resolver = table.converted("resolver", problems, |text| {
        let port_53 = |_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53));
        text.parse()
            .or_else(port_53)
            .map_err(|_| format!("`{text}` is no address of a DNS server, as `127.0.0.1:53` is"))
    });
    let zones = Zones::within(&mut table, problems);
    table.finish(problems);
    DnsSettings { listen, resolver, zones }
}

fn limits(table: &mut Table<'_>, problems: &mut Problems) -> ServerLimits {
    let mut limits = ServerLimits::default();
    let Some(node) = table.node("limits") else { return limits };
    let mut table = Table::of(node, problems);
    // RFC 5321 §4.5.3.1 asks for 512 bytes of a command and 1,000 of a line at least.
    set(&mut limits.session.command_line, in_usize(table.node("command-line"), size, 512..=MIB, problems));
    set(&mut limits.session.text_line, in_usize(table.node("text-line"), size, 1_000..=64 * MIB, problems));
    set(&mut limits.session.message, table.node("message").and_then(|node| size(node, 1..=4096 * MIB, problems)));
    set(&mut limits.session.recipients, in_usize(table.node("recipients"), number, 1..=100_000, problems));
    set(&mut limits.session.errors, in_u32(table.node("errors"), problems));
    set(&mut limits.session.failed_logins, in_u32(table.node("failed-logins"), problems));
    set(&mut limits.connections, in_usize(table.node("connections"), number, 1..=1_000_000, problems));
    set(&mut limits.minimum_rate, table.node("minimum-rate").and_then(|node| size(node, 0..=1024 * MIB, problems)));
    set(&mut limits.spool_beyond, in_usize(table.node("spool-beyond"), size, 0..=1024 * MIB, problems));
    let mut time = |key, least, most| table.node(key).and_then(|node| duration(node, least..=most, problems));
    set(&mut limits.idle, time("idle", SECOND, DAY));
    set(&mut limits.message_time, time("message-time", SECOND, DAY));
    set(&mut limits.guess_delay, time("guess-delay", Duration::ZERO, Duration::from_secs(60)));
    set(&mut limits.rate_grace, time("rate-grace", Duration::ZERO, DAY));
    set(&mut limits.drain, time("drain", Duration::ZERO, DAY));
    table.finish(problems);
    limits
}

const MIB: u64 = 1024 * 1024;
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn set<T>(limit: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *limit = value;
    }
}

fn in_usize(
    node: Option<&Node>,
    read: fn(&Node, RangeInclusive<u64>, &mut Problems) -> Option<u64>,
    bounds: RangeInclusive<u64>,
    problems: &mut Problems,
) -> Option<usize> {
    usize::try_from(read(node?, bounds, problems)?).ok()
}

fn in_u32(node: Option<&Node>, problems: &mut Problems) -> Option<u32> {
    u32::try_from(number(node?, 1..=1_000_000, problems)?).ok()
}

fn tls(table: &mut Table<'_>, problems: &mut Problems) -> TlsSettings {
    let Some(node) = table.node("tls") else { return TlsSettings::default() };
    let mut table = Table::of(node, problems);
    let mut given =
        |key| table.node(key).and_then(|node| Some((path(text(node, problems)?, &node.place), &node.place)));
    let (certificate, key, write_ca) = (given("certificate"), given("key"), given("write-ca"));
    table.finish(problems);
    for (file, place) in [&certificate, &key].into_iter().flatten() {
        if !file.is_file() {
            problems.push(Problem::new(place, format!("there is no file {}", file.display())));
        }
    }
    match (&certificate, &key) {
        (Some((_, place)), None) => problems.push(Problem::new(place, "a certificate needs its `key` beside it")),
        (None, Some((_, place))) => problems.push(Problem::new(place, "a key needs its `certificate` beside it")),
        _ => {}
    }
    if let (Some(_), Some((_, place))) = (&certificate, &write_ca) {
        let problem = Problem::new(place, "there is no CA to write, for a certificate is given");
        problems.push(problem.help("the CA is made with mockmx's own certificate, when `tls.certificate` is not set"));
    }
    let file = |given: Option<(PathBuf, _)>| given.map(|(file, _)| file);
    TlsSettings { certificate: file(certificate), key: file(key), write_ca: file(write_ca) }
}

fn log(table: &mut Table<'_>, problems: &mut Problems) -> LogSettings {
    let mut log = LogSettings::default();
    let Some(node) = table.node("log") else { return log };
    let mut table = Table::of(node, problems);
    let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
    set(&mut log.format, table.node("format").and_then(|node| word(node, &formats, problems)));
    if let Some(filter) = table.node("filter")
        && let Some(text) = text(filter, problems)
    {
        let parsed = EnvFilter::builder().parse(text).map(|_| text.to_owned());
        let parsed = parsed.map_err(|_| format!("`{text}` is no filter"));
        set(
            &mut log.filter,
            helped(filter, parsed, "a filter is `info`, `debug` or `info,mockmx::smtp=trace`", problems),
        );
    }
    table.finish(problems);
    log
}

fn texts<'n>(nodes: &'n [Node], problems: &mut Problems) -> impl Iterator<Item = (&'n str, &'n Place)> {
    nodes.iter().filter_map(move |node| Some((text(node, problems)?, &node.place)))
}
