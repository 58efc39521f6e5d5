//! What a notification is written of, as bytes. Readable, so that seeds are.

use std::sync::LazyLock;

use arbitrary::{Arbitrary, Result, Unstructured};
use mockmx::clock::Time;
use mockmx::facts::{Helo, MailParameters, RcptParameters, Role};
use mockmx::journal::record::{Delivery, Id, Message};
use mockmx::notification::{Charset, Event, Form, Forms, Kind, Language, Original, Reason, Returns, Template};
use mockmx::verdict::Fate;

/// Ends each value; no UTF-8 has it. The original is what follows the last one.
pub const END: u8 = 0xFE;

static FORMS: LazyLock<Forms> = LazyLock::new(|| Forms::load(&[]).expect("the forms load"));

const PROVIDERS: [&str; 6] = ["263", "21cn", "netease", "wanxiang", "xinnet", "neutral"];
const RECIPIENTS: [&[usize]; 4] = [&[0], &[0, 1], &[1, 0, 1, 7], &[1]];
const WHEN: Time = Time::from_unix_seconds(1_201_852_800);

/// An event and the form that it is written in.
#[derive(Debug)]
pub struct Told<'a> {
    pub message: Message,
    pub raw: &'a [u8],
    pub recipients: &'static [usize],
    pub kind: Kind,
    pub host: String,
    pub remote: Option<String>,
    pub reason: [String; 2],
    pub form: Form,
    /// Whether its words may be anybody's.
    pub own: bool,
}

impl Told<'_> {
    #[must_use]
    pub fn event(&self) -> Event<'_> {
        let [why, remedy] = &self.reason;
        Event {
            original: Original { message: &self.message, raw: self.raw },
            recipients: self.recipients,
            kind: &self.kind,
            reason: Reason { reason_zh: why, reason_en: why, remedy_zh: remedy, remedy_en: remedy },
            host: &self.host,
            remote: self.remote.as_deref(),
            now: WHEN,
        }
    }
}

impl<'a> Arbitrary<'a> for Told<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [provider, kind, set, own] = <[u8; 4]>::arbitrary(u)?;
        let mut raw = u.bytes(u.len())?;
        let mut value = || {
            let at = raw.iter().position(|byte| *byte == END).unwrap_or(raw.len());
            let (value, rest) = raw.split_at(at);
            raw = rest.get(1..).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        let (from, recipients, subject) = (value(), [value(), value()], value());
        let (orcpt, envid, notify, helo) = (value(), value(), value(), value());
        let (host, remote, status, said) = (value(), value(), value(), value());
        let (reason, template) = ([value(), value()], value());
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let parameters = RcptParameters { notify: some(notify), orcpt: some(orcpt) };
        let deliveries =
            recipients.map(|recipient| Delivery { recipient, parameters: parameters.clone(), fate: Fate::Inbox });
        let ret = [None, Some("FULL"), Some("HDRS"), None][usize::from(set >> 2 & 3)].map(str::to_owned);
        let message = Message {
            id: Id::default(),
            session: Id::default(),
            lane: "default".to_owned(),
            queue_id: "1A2B3C4D5E".to_owned(),
            received: WHEN,
            providers: vec!["263".to_owned()],
            listener: "smtp".to_owned(),
            role: Role::Mx,
            peer: ([192, 0, 2, 1], 40_312).into(),
            login: None,
            helo: some(helo).map(|name| Helo { extended: true, name }),
            tls: None,
            host: "263.net".to_owned(),
            from,
            parameters: MailParameters { utf8: set & 16 != 0, ret, envid: some(envid), ..MailParameters::default() },
            deliveries: deliveries.into(),
            verdicts: Vec::new(),
            notifications: Vec::new(),
            size: raw.len() as u64,
            subject,
            headers: Vec::new(),
        };
        let kind = match kind % 7 {
            0 => Kind::Failed { status, diagnostic: said },
            1 => Kind::Delayed { status, diagnostic: said, will_retry_until: (set & 32 != 0).then_some(WHEN) },
            2 => Kind::Relayed,
            3 => Kind::Delivered,
            4 => Kind::OutOfOffice { text: said },
            5 => Kind::ReadReceipt,
            _ => Kind::AbuseReport,
        };
        let form = form(provider, own, &kind, &template);
        let recipients = RECIPIENTS[usize::from(set & 3)];
        Ok(Self { message, raw, recipients, kind, host, remote: some(remote), reason, form, own: own & 1 != 0 })
    }
}

/// A built-in form, or what somebody could have made of one.
fn form(provider: u8, own: u8, kind: &Kind, template: &str) -> Form {
    let provider = PROVIDERS[usize::from(provider) % PROVIDERS.len()];
    let mut form = FORMS.of(provider).expect("it is built in").clone();
    if own & 1 == 0 {
        return form;
    }
    form.standard = own & 2 == 0;
    form.charset = [Charset::Utf8, Charset::Gb18030, Charset::Gbk, Charset::Utf8][usize::from(own >> 2 & 3)];
    form.returns = [Returns::Full, Returns::Headers, Returns::Nothing, Returns::Full][usize::from(own >> 4 & 3)];
    form.languages = [vec![Language::Zh, Language::En], vec![Language::En]][usize::from(own >> 6 & 1)].clone();
    if own & 128 != 0 {
        form.return_most = 200;
    }
    // As a file of it, it would have a subject of one line.
    let first = template.lines().next().unwrap_or_default();
    if let (Ok(text), Ok(subject), Some(words)) =
        (Template::parse(template), Template::parse(first), form.words.get_mut(kind.name()))
        && !template.is_empty()
    {
        words.subject = subject;
        (words.zh, words.en) = (Some(text.clone()), Some(text));
    }
    form
}
