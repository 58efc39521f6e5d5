//! A session that is driven as the server drives one, and watched.

use mockmx::clock::Time;
use mockmx::facts::{Facts, Listener, Role, SessionId, Tls, TlsMode, loopback};
use mockmx::smtp::{Service, Session, Spoken, Step};
use mockmx::stage::Stage;
use mockmx::verdict::Verdict;

/// What is said at a stage.
#[derive(Clone, Debug)]
pub enum Say {
    Verdict(Verdict),
    /// Something fails on our side.
    Fail,
}

/// A session and what came of it.
pub struct Play<'v> {
    pub session: Session,
    verdicts: &'v [Say],
    judged: usize,
    /// All that went out.
    pub output: Vec<u8>,
    /// The text since the last stage `data`.
    content: Vec<u8>,
    /// The text of each message that got as far as stage `message`.
    pub messages: Vec<Vec<u8>>,
    pub stages: Vec<Stage>,
    pub spoken: Vec<Spoken>,
    pub step: Step,
}

/// What must not depend on how the bytes came.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard {
    pub output: String,
    pub messages: Vec<String>,
    pub stages: Vec<Stage>,
    pub spoken: Vec<(String, bool)>,
    pub step: Step,
}

#[must_use]
pub fn facts(role: Role, tls: TlsMode) -> Facts {
    Facts::new(SessionId(7), Listener::plain("smtp", role, tls).into(), loopback(), Time::default())
}

impl<'v> Play<'v> {
    /// Begins; the verdicts are given in turn, again and again. None accept everything.
    #[must_use]
    pub fn new(service: Service, facts: Facts, verdicts: &'v [Say]) -> Self {
        let implicit = facts.listener.tls == TlsMode::Implicit;
        let mut play = Self {
            session: Session::new(service.into(), facts),
            verdicts,
            judged: 0,
            output: Vec::new(),
            content: Vec::new(),
            messages: Vec::new(),
            stages: Vec::new(),
            spoken: Vec::new(),
            step: Step::Read,
        };
        if implicit {
            play.session.tls_started(tls());
        }
        play.go();
        play
    }

    /// Sends bytes in one piece.
    pub fn send(&mut self, bytes: &[u8]) {
        let over = self.over();
        let before = self.output.len();
        self.session.receive(bytes);
        self.go();
        assert!(!over || self.output.len() == before, "a session that is over answers");
    }

    /// Does the handshake if it is due.
    pub fn shake_hands(&mut self) {
        if self.step == Step::StartTls {
            self.session.tls_started(tls());
            self.go();
        }
    }

    /// Goes on until bytes are wanted or the session is over.
    pub fn go(&mut self) {
        loop {
            self.step = self.session.step();
            self.spoken.extend(self.session.take_transcript());
            match self.step {
                Step::Content => {
                    let content = self.session.take_content();
                    assert!(!content.is_empty(), "content is announced and is not there");
                    self.content.extend(content);
                }
                Step::Judge(stage) => self.judge(stage),
                _ => break,
            }
        }
        self.output.append(self.session.output());
        self.check();
    }

    fn judge(&mut self, stage: Stage) {
        self.stages.push(stage);
        match stage {
            Stage::Data => self.content.clear(),
            Stage::Message => self.messages.push(std::mem::take(&mut self.content)),
            _ => {}
        }
        let before = self.session.output().len();
        let answers = |session: &mut Session| replies(&session.output()[before..]);
        match self.verdicts.get(self.judged % self.verdicts.len().max(1)) {
            None => self.session.resolve(&Verdict::accept()),
            Some(Say::Verdict(verdict)) => self.session.resolve(verdict),
            Some(Say::Fail) => self.session.fail(),
        }
        self.judged += 1;
        assert!(answers(&mut self.session) <= 1, "a verdict is answered more than once");
    }

    /// What holds whenever the session has done what it can.
    fn check(&mut self) {
        if self.step == Step::Read {
            assert!(self.session.wants_input(), "more is held than may be");
            self.session.receive(b"");
            assert_eq!(self.session.step(), Step::Read);
            assert!(self.session.output().is_empty(), "nothing was said and it is answered");
            assert!(self.session.take_content().is_empty());
        }
        assert_eq!(self.session.step(), self.step, "a step that is asked again changes");
        if self.over() {
            return;
        }
        let envelope = &self.session.facts().envelope;
        assert_eq!(envelope.recipients.len(), envelope.recipient_parameters.len());
        assert!(envelope.candidate.is_none(), "a recipient is neither taken nor refused");
        assert!(self.session.in_transaction() || envelope.recipients.is_empty());
    }

    #[must_use]
    pub fn over(&self) -> bool {
        matches!(self.step, Step::Close | Step::Drop | Step::Reset | Step::Stall)
    }

    #[must_use]
    pub fn heard(self) -> Heard {
        let spoken = self.spoken.into_iter().map(|spoken| match spoken {
            Spoken::Client { text, bare_lf } => (text, bare_lf),
            // Whether more had come by then is what splitting changes.
            Spoken::Server { text, ahead: _ } => (text, false),
        });
        Heard {
            output: String::from_utf8(self.output).expect("replies are UTF-8"),
            messages: self.messages.iter().map(|text| text.escape_ascii().to_string()).collect(),
            stages: self.stages,
            spoken: spoken.collect(),
            step: self.step,
        }
    }
}

fn tls() -> Tls {
    Tls { version: "TLSv1.3".to_owned(), cipher: "TLS13_AES_256_GCM_SHA384".to_owned() }
}

/// How many replies there are, all of which must be whole and well-formed (RFC 5321 §4.2).
#[must_use]
pub fn replies(output: &[u8]) -> usize {
    let mut rest = output;
    let (mut count, mut under_way) = (0, None);
    while !rest.is_empty() {
        let end = rest.windows(2).position(|two| two == b"\r\n").expect("a line of a reply ends with CR LF");
        let line = std::str::from_utf8(&rest[..end]).expect("a reply is UTF-8");
        rest = &rest[end + 2..];
        assert!(!line.contains(char::is_control), "a reply has a control character: {line:?}");
        let code = &line[..3];
        assert!(matches!(code.as_bytes(), [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']), "no code: {line:?}");
        assert!(under_way.is_none_or(|other| other == code), "a reply changes its code: {line:?}");
        match line.as_bytes().get(3) {
            Some(b' ') => (count, under_way) = (count + 1, None),
            Some(b'-') => under_way = Some(code),
            _ => panic!("no separator: {line:?}"),
        }
    }
    assert!(under_way.is_none(), "a reply of several lines has no last one");
    count
}
