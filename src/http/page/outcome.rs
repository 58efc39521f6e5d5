//! What came of something, in a word, a sign and a colour.

use crate::http::query::DONE;
use crate::journal::record::{Done, Passed, Said, Session};
use crate::policy::RuleView;
use crate::verdict::{Fate, NotificationKind};

/// A sign, its colour's class, and its word in both languages. The sign says the same as the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) en: &'static str,
    pub(super) zh: &'static str,
}

const fn outcome(class: &'static str, sign: &'static str, en: &'static str, zh: &'static str) -> Outcome {
    Outcome { class, sign, en, zh }
}

const OPEN: Outcome = outcome("open", "◌", "open", "进行中");
const WAITS: Outcome = outcome("open", "◷", "waits", "延迟");
const BREAKS: Outcome = outcome("broken", "⚡", "breaks off", "中断");
const NOTHING: Outcome = outcome("open", "–", "nothing sent", "未发信");

impl Outcome {
    /// What was done by a rule.
    pub(super) const fn of(done: Done) -> Self {
        match done {
            Done::Accept => outcome("good", "●", "accepted", "已接收"),
            Done::Refuse => outcome("bad", "✕", "refused", "已拒收"),
            Done::RefuseAndClose => outcome("bad", "✕", "refused, closed", "拒收并断开"),
            Done::Drop => outcome("broken", "⊘", "dropped", "断开"),
            Done::Reset => outcome("broken", "↯", "reset", "重置"),
            Done::Stall => outcome("broken", "…", "stalled", "无应答"),
            Done::File => outcome("moved", "▣", "filed", "归入文件夹"),
            Done::Discard => outcome("moved", "▽", "discarded", "丢弃"),
            Done::Replace => outcome("moved", "⇄", "replaced", "已替换"),
            Done::Bounce => outcome("moved", "↩", "bounces later", "稍后退信"),
        }
    }

    /// What a rule does when it fires.
    pub(super) fn of_rule(rule: &RuleView) -> Self {
        match DONE.into_iter().find(|done| done.name().replace('-', " ") == rule.action) {
            // Whatever is said, the client does not get to hear all of it, or nothing more.
            Some(Done::Accept | Done::Refuse | Done::RefuseAndClose) if rule.breaks => BREAKS,
            Some(done) => Self::of(done),
            // One that only waits does nothing else, and the next rule is asked.
            None => WAITS,
        }
    }

    /// What became of a message for a recipient.
    pub(super) const fn of_fate(fate: &Fate) -> Self {
        match fate {
            Fate::Inbox => outcome("good", "●", "inbox", "收件箱"),
            Fate::Folder(_) => outcome("moved", "▣", "folder", "文件夹"),
            Fate::Discarded => outcome("moved", "▽", "discarded", "丢弃"),
            Fate::Replaced(_) => outcome("moved", "⇄", "replaced", "已替换"),
            Fate::Bounced => outcome("moved", "↩", "bounced", "退信"),
        }
    }

    /// What a notification tells of.
    pub(super) const fn of_notification(kind: NotificationKind) -> Self {
        match kind {
            NotificationKind::Failed => outcome("bad", "✕", "failed", "投递失败"),
            NotificationKind::Delayed => outcome("broken", "…", "delayed", "延迟"),
            NotificationKind::Relayed => outcome("good", "→", "relayed", "已转交"),
            NotificationKind::Delivered => outcome("good", "●", "delivered", "已送达"),
            NotificationKind::OutOfOffice => outcome("moved", "⌂", "out of office", "不在办公室"),
            NotificationKind::ReadReceipt => outcome("good", "✓", "read receipt", "已读回执"),
            NotificationKind::AbuseReport => outcome("bad", "⚑", "abuse report", "滥用投诉"),
        }
    }

    /// Whether a notification is sent.
    pub(super) const fn of_state(is_due: bool) -> Self {
        if is_due { outcome("good", "●", "due", "已到期") } else { outcome("open", "◌", "waiting", "等待中") }
    }

    /// What came of a try to pass a notification on.
    pub(super) const fn of_attempt(passed: Passed) -> Self {
        match passed {
            Passed::Relayed => outcome("good", "→", "relayed", "已转交"),
            Passed::Deferred => outcome("broken", "…", "tried again", "稍后重试"),
            Passed::Failed => outcome("bad", "✕", "given up", "已放弃"),
        }
    }

    /// What came of a session: what the last rule did that did not just accept, or else whether a message came.
    pub(super) fn of_session(session: &Session) -> Self {
        match spoke(session) {
            Some(said) => Self::of(said.verdict),
            // A rule took it and broke the connection: the client never heard so.
            None if !session.verdicts.is_empty() && is_broken_off(session) => BREAKS,
            None if !session.messages.is_empty() => Self::of(Done::Accept),
            None if session.ended.is_none() => OPEN,
            None => NOTHING,
        }
    }
}

/// What was said last that did not just accept.
pub(super) fn spoke(session: &Session) -> Option<&Said> {
    session.verdicts.iter().rev().find(|said| said.verdict != Done::Accept)
}

/// Whether mockmx ended the session as networks break.
fn is_broken_off(session: &Session) -> bool {
    session.end.as_deref().is_some_and(|end| ["dropped", "reset", "stalled"].contains(&end))
}

#[cfg(test)]
mod tests {
    use super::super::rules::built_in;
    use super::*;

    #[test]
    fn whatever_rules_do_has_a_sign_of_its_own() {
        let mut seen = Vec::new();
        for rule in built_in().into_iter().flat_map(|provider| provider.rules) {
            let outcome = Outcome::of_rule(&rule);
            assert_eq!(outcome == WAITS, rule.action == "delay", "{}", rule.id);
            assert!(!rule.breaks || outcome.class == "broken", "{}", rule.id);
            if !seen.contains(&outcome) {
                seen.push(outcome);
            }
        }
        for known in
            [BREAKS, WAITS, Outcome::of(Done::Refuse), Outcome::of(Done::RefuseAndClose), Outcome::of(Done::File)]
        {
            assert!(seen.contains(&known), "{known:?}");
        }
    }
}
