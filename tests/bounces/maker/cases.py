"""What is refused: a mail, and what of mockmx's refuses it."""

from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True)
class Case:
    name: str
    # Each with the rule, PROVIDER/RULE, that its mailbox meets; without one where the mail itself breaks a rule.
    recipients: dict
    # The rule that every session meets at the exchange of the recipients: one of a stage before RCPT.
    rule: str = ""
    text: str = "Hello,\n\nplease find it below.\n"
    attachment: str = ""

    @property
    def sender(self):
        return f"{self.name}@example.org"

    @property
    def domain(self):
        """The domain of the recipients, but of those whose provider has to see to it."""
        return f"{self.name}.example.com"

    def mail(self):
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Subject"] = f"Invoice {self.name}"
        mail["Message-ID"] = f"<{self.name}@example.org>"
        mail["Date"] = "Thu, 26 Nov 2026 09:00:00 +0800"
        mail.set_content(self.text, cte="7bit" if self.text.isascii() else "8bit")
        if self.attachment:
            mail.add_attachment(b"echo off\r\n", "application", "octet-stream", filename=self.attachment)
        return mail.as_bytes()


def mailboxes(name, *rules):
    """A mail to mailboxes that meet these rules."""
    return Case(name, {f"user{number or ''}@{name}.example.com": rule for number, rule in enumerate(rules)})


def exchange(name, rule):
    """A mail to where the rule meets every session."""
    return Case(name, {f"user@{name}.example.com": ""}, rule)


CASES = [
    # connect
    exchange("rbl", "263/blocked-by-rbl"),
    exchange("rep", "netease/hl-rep"),
    exchange("qmail-4-4-1", "xinnet/no-connection-qmail-4-4-1"),
    # EHLO, and HELO after it
    exchange("nhd", "wanxiang/mi-nhd"),
    # MAIL
    exchange("prison", "263/sender-in-prison"),
    exchange("spf", "netease/mi-spf-since-2016"),
    exchange("refused-sender", "21cn/sender-refused"),
    # RCPT
    mailboxes("unknown", "263/user-unknown"),
    mailboxes("quota", "21cn/over-quota-temp"),
    mailboxes("qmail-5-1-2", "xinnet/no-host-qmail-no-host"),
    mailboxes("quotes", "xinnet/no-mx-or-ip-5-4-4"),
    mailboxes("not-found", "netease/user-not-found-since-2013"),
    mailboxes("busy", "neutral/busy"),
    mailboxes("code-560", "21cn/rcpt-domain-not-found"),
    mailboxes("several", "263/mailbox-exceed", "xinnet/quota-space-not-enough", "wanxiang/rp-rcl"),
    # DATA
    mailboxes("behaviour", "xinnet/behaviour-spam"),
    mailboxes("dt-rbl", "wanxiang/dt-rbl"),
    # the message
    Case("keyword", {"user@263.net": "", "other@263.net": ""}, text="您好:\n\n本公司可代开发票。\n"),
    Case("attachment", {"user@163ns.com.cn": ""}, attachment="invoice.bat"),
    mailboxes("two-lines", "21cn/blocked-content-security"),
    mailboxes("spam", "netease/dt-spm-554-since-2016"),
    mailboxes("try-again", "netease/dt-spm-451-since-2017"),
    mailboxes("colon", "263/content-reject"),
    mailboxes("busy-after-dot", "neutral/busy-after-dot"),
    # what the built-in packs have nothing of: made.toml
    mailboxes("chinese", "made/chinese"),
    mailboxes("chinese-lines", "made/chinese-lines"),
    mailboxes("lines", "made/lines"),
    mailboxes("spaces", "made/spaces"),
    mailboxes("wide", "made/wide"),
]
