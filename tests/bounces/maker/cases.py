"""What is refused: a mail, and what of mockmx's refuses it."""

from dataclasses import dataclass
from email.message import EmailMessage


@dataclass(frozen=True)
class Case:
    name: str
    recipients: tuple
    # PROVIDER/RULE that the recipients' exchange has at once, for what no recipient can bring about.
    rule: str = ""
    text: str = "Hello,\n\nplease find it below.\n"
    attachment: str = ""

    @property
    def sender(self):
        return f"{self.name}@example.org"

    @property
    def domain(self):
        """The domain of the recipients whose exchange has the rule."""
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


def triggers(name, *rules):
    """A mail to the addresses that name the rules."""
    return Case(name, tuple(f"{rule}@{provider}.mockmx.test" for provider, rule in (of.split("/") for of in rules)))


def exchange(name, rule):
    """A mail to where the rule meets every session."""
    return Case(name, (f"user@{name}.example.com",), rule)


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
    triggers("unknown", "263/user-unknown"),
    triggers("quota", "21cn/over-quota-temp"),
    triggers("qmail-5-1-2", "xinnet/no-host-qmail-no-host"),
    triggers("quotes", "xinnet/no-mx-or-ip-5-4-4"),
    triggers("not-found", "netease/user-not-found-since-2013"),
    triggers("busy", "neutral/busy"),
    triggers("code-560", "21cn/rcpt-domain-not-found"),
    triggers("several", "263/mailbox-exceed", "xinnet/quota-space-not-enough", "wanxiang/rp-rcl"),
    # DATA
    triggers("behaviour", "xinnet/behaviour-spam"),
    triggers("dt-rbl", "wanxiang/dt-rbl"),
    # the message
    Case("keyword", ("user@263.net", "other@263.net"), text="您好:\n\n本公司可代开发票。\n"),
    Case("attachment", ("user@163ns.com.cn",), attachment="invoice.bat"),
    triggers("two-lines", "21cn/blocked-content-security"),
    triggers("spam", "netease/dt-spm-554-since-2016"),
    triggers("try-again", "netease/dt-spm-451-since-2017"),
    triggers("colon", "263/content-reject"),
    triggers("busy-after-dot", "neutral/busy-after-dot"),
    # what the built-in packs have nothing of: made.toml
    triggers("chinese", "made/chinese"),
    triggers("chinese-lines", "made/chinese-lines"),
    triggers("lines", "made/lines"),
    triggers("spaces", "made/spaces"),
]
