use std::sync::LazyLock;

use super::*;
use crate::facts::{Helo, MailParameters, RcptParameters, Role};
use crate::journal::record::{Delivery, Id, Message};
use crate::message::Bounds;
use crate::verdict::Fate;

mod forms;
mod golden;
mod hostile;
mod letters;
mod permits;
mod reproduced;

/// 2008-02-01 08:00:00 UTC.
const RECEIVED: Time = Time::from_unix_seconds(1_201_852_800);

const RAW: &str = "From: =?UTF-8?B?5byg5LiJ?= <zhang@client.test>\r\nTo: <user@263.net>\r\n\
    Subject: =?UTF-8?B?5Lya6K6u6YCa55+l?=\r\nMessage-ID: <1@client.test>\r\n\
    Disposition-Notification-To: <zhang@client.test>\r\n\r\n--not a boundary\r\nhello\r\n";

/// A message to these recipients.
fn message(to: &[&str]) -> Message {
    let delivery = |recipient: &&str| Delivery {
        recipient: (*recipient).to_owned(),
        parameters: RcptParameters::default(),
        fate: Fate::Inbox,
    };
    Message {
        id: Id::new(),
        session: Id::new(),
        lane: "default".to_owned(),
        queue_id: "1A2B3C4D5E".to_owned(),
        received: RECEIVED,
        providers: vec!["263".to_owned()],
        listener: "smtp".to_owned(),
        role: Role::Mx,
        peer: "192.0.2.1:40312".parse().unwrap(),
        login: None,
        helo: Some(Helo { extended: true, name: "client.test".to_owned() }),
        tls: None,
        host: "263.net".to_owned(),
        from: "bounces+1@client.test".to_owned(),
        parameters: MailParameters::default(),
        deliveries: to.iter().map(delivery).collect(),
        verdicts: Vec::new(),
        notifications: Vec::new(),
        size: 0,
        subject: "会议通知".to_owned(),
        headers: Vec::new(),
    }
}

/// One of each kind.
fn kinds() -> [Kind; 7] {
    let (status, diagnostic) = ("4.2.2".to_owned(), "452 Mailbox exceed".to_owned());
    let will_retry_until = Some(Time::from_unix_seconds(1_201_852_800 + 86_400));
    [
        failed(),
        Kind::Delayed { status, diagnostic, will_retry_until },
        Kind::Relayed,
        Kind::Delivered,
        Kind::OutOfOffice { text: "我在休假。\n\n急事请找李四。".to_owned() },
        Kind::ReadReceipt,
        Kind::AbuseReport,
    ]
}

fn failed() -> Kind {
    Kind::Failed { status: "5.1.1".to_owned(), diagnostic: "550 User Unknown".to_owned() }
}

fn forms() -> &'static Forms {
    static FORMS: LazyLock<Forms> = LazyLock::new(|| Forms::load(&[]).unwrap());
    &FORMS
}

fn event<'a>(message: &'a Message, raw: &'a [u8], kind: &'a Kind) -> Event<'a> {
    Event {
        original: Original { message, raw },
        recipients: &[0],
        kind,
        reason: Reason {
            reason_zh: "用户不存在",
            reason_en: "There is no such user.",
            remedy_zh: "请用户核对收件人地址是否正确",
            remedy_en: "Check the address.",
        },
        host: "mx01.263xmail.com",
        remote: None,
        now: RECEIVED.after(std::time::Duration::from_secs(300)),
    }
}

/// The bytes of a notification, which has to be written.
fn raw(event: &Event<'_>, provider: &str) -> Vec<u8> {
    write(event, forms().of(provider).unwrap()).unwrap().raw
}

/// Asks for every kind of report.
fn asking(message: &mut Message) {
    for delivery in &mut message.deliveries {
        delivery.parameters.notify = Some("SUCCESS,FAILURE,DELAY".to_owned());
    }
}
