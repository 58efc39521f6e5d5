#!/usr/bin/env python3
"""Writes the seeds of all targets, from the scenarios and packs and from what stands here. The same each time."""

import base64, gzip, io, pathlib, random, re, zipfile, zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LONGEST = 2_500


def seed(target, name, content, head=b""):
    if isinstance(content, str):
        content = content.encode()
    folder = HERE / target
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(head + content[:LONGEST])


def crlf(text):
    return text.replace("\n", "\r\n")


def scenarios():
    """What clients say in scenarios: the first session of each."""
    for path in sorted((ROOT / "tests/scenarios").glob("*/*.txt")):
        said = []
        for line in path.read_text().split("\n"):
            if line.startswith("session ") and said:
                break
            if line.startswith("C:"):
                said.append(line[3:])
        if len(said) > 3:
            yield f"{path.parent.name}-{path.stem}", "".join(line + "\r\n" for line in said)


# --- what is attached

def archive(*members, stored=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as into:
        for name, content in members:
            into.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content,
                          zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def packed(content, name=b""):
    """gzip, with a name in its header."""
    plain = gzip.compress(content, mtime=0)
    return plain[:3] + b"\x08" + plain[4:10] + name + b"\0" + plain[10:] if name else plain


INNER = archive(("x.scr", b"MZ"), ("a/b.txt", b"text" * 9))
ZIPS = {
    "deflated": archive(("x.exe", b"MZ" * 40), ("readme.txt", b"hello\n")),
    "stored": archive(("a.txt", b"abc"), stored=True),
    "nested": archive(("inner.zip", INNER), ("y", b"y" * 50)),
    "stored-nested": archive(("inner.zip", INNER), stored=True),
    "empty": archive(),
    "folder": archive(("a/", b""), ("a/b", b"1")),
    "no-directory": INNER[: INNER.index(b"PK\x01\x02")],
    "encrypted": INNER.replace(b"PK\x03\x04\x14\0\0\0", b"PK\x03\x04\x14\0\1\0").replace(
        b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"),
    "bomb": archive(("zeros", bytes(200_000))),
    "gzip": packed(b"MZ" * 30, b"a.exe"),
    "gzip-of-zip": packed(INNER),
    "gbk-name": archive(("xxxx.exe", b"MZ")).replace(b"xxxx", "发票".encode("gbk")),
    "cut": INNER[:70],
    "behind-a-program": b"MZ" + bytes(30) + INNER,
}

# --- mails

GBK = "代开发票，请联系 13800000000".encode("gbk")
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def attached(content, fields):
    body = base64.encodebytes(content).decode()
    return crlf(f"--b\n{fields}\nContent-Transfer-Encoding: base64\n\n{body}").encode()


def mixed(*parts):
    head = "Subject: =?gbk?B?tPq/?=\n =?gbk?B?qreixrE=?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
    return crlf(head).encode() + b"".join(parts) + b"--b--\r\n"


NAMED = "Content-Type: application/zip; name*0*=gbk'zh'%B4; name*1*=%FA.zip"
MAILS = {
    "plain": crlf("From: a@b.c\nSubject: hi\n\nhello\n").encode(),
    "gbk": crlf("Subject: x\nContent-Type: text/plain; charset=gbk\nContent-Transfer-Encoding: 8bit\n\n").encode() + GBK,
    "gbk-unsaid": b"Subject: " + GBK + b"\r\n\r\n" + GBK,
    "gb18030-base64": crlf("Content-Type: text/html; charset=gb18030\nContent-Transfer-Encoding: base64\n\n").encode()
    + base64.encodebytes("<p>代<b>开</b>发&#31080;<!-- x --><script>y</script>".encode("gb18030")),
    "hz": b"Content-Type: text/plain; charset=hz-gb-2312\r\n\r\na~~~{4z?*7\"F1~}b\r\n",
    "utf7": b"Content-Type: text/plain; charset=utf-7\r\n\r\n+ZYeB9FH6ckh5Pg-, 1980.\r\n",
    "quoted": crlf("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n=E4=BB=A3=\n =\n=E\n").encode(),
    "mixed": mixed(attached(ZIPS["nested"], NAMED), attached(b"MZ", 'Content-Disposition: attachment; filename="a.exe"')),
    "infected": mixed(attached(EICAR, "Content-Disposition: attachment; filename=e.com")),
    "hidden-html": crlf("Content-Type: text/html\n\n<div style='display:none'>x</div><img alt=\"&#x\"><title>t</title><p>a&nbsp;b<br>").encode(),
    "rfc822": mixed(b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n"),
    "rfc822-base64": mixed(attached(b"Subject: inner\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx", "Content-Type: message/rfc822")),
    "digest": crlf("Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\n1\n--d\n\nSubject: two\n\n2\n--d--\n").encode(),
    "alternative": crlf('Content-Type: multipart/alternative; boundary="a b"\n\n--a b\n\nplain\n--a b\nContent-Type: text/html\n\n<b>html\n--a b--\nepilogue').encode(),
    "nested": "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(8)).encode(),
    "uuencoded": b"Subject: x\r\n\r\na\nbegin 644 x.exe\n#0V%T\n`\nend\nbegin 644 y\n",
    "words": b"Subject: =?utf-8?Q?=E4=BB=A3_x?= =?gb2312?B?tPq/?= =?x?y?z?=\r\nX: =?utf-8*zh?B?5Luj?=\r\n\r\n",
    "unix-lines": b"Subject: x\nContent-Type: multipart/mixed;\n\tboundary=b\n\n--b\n\n1\n--b--",
    "no-header": b"\r\nbody",
    "odd": b": x\r\nno colon\r\n folded\r\nContent-Type: ;;; =;\"\\\r\nContent-Type: text/plain\r\n\r\n",
}

BOUNCE = crlf("""From: MAILER-DAEMON@mx
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

<a@b>: host mx said: 550 not this one

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx

Final-Recipient: rfc822; a@b
Diagnostic-Code: smtp; 552-5.7.0 This message was blocked
    552 5.7.0 security issue

--b--
""").encode()

# --- texts

STUBS = [
    '{"stage":"rcpt","when":{"recipient":"a@example.com"},"sequence":[{"reply":"450 4.2.0 try later"},{"accept":true}]}',
    '{"stage":"message","when":{"subject":{"regex":"inv(oice)+"}},"reply":"550 5.7.1 no {subject}","times":1,"per":"{sender}"}',
    '{"stage":"mail","then":"drop","delay":"2s","priority":-1,"lane":"x","provider":"263"}',
    '{"stage":"message","when":{"keywords":["代开发票"],"chance":0.5},"unless":{"tls":true},"folder":"Junk"}',
    '{"stage":"connect","reply":"421 {host} busy","close":true,"scenario":{"name":"full","is":"start","becomes":"later"}}',
    '{"stage":"data","when":{"size":{"over":"1kb"},"attachment":{"extensions":["exe"]}},"reply":"554 {queue-id}"}',
    '{"stage":"rcpt","when":{"greylist":{"key":"{network}+{sender}","wait":"2m"}},"reply":"450 4.2.0 later"}',
    '{"stage":"data","then":"drop","after":"100 KiB","when":{"count":{"commands":3},"peer":["203.0.113.0/24"]}}',
    '{"stage":"message","then":"reset","after":"reply","keep":true,"delay":{"median":"2s","p99":"30s"}}',
    '{"stage":"helo","raw":"250-one\\r\\n550 two\\r\\n","pace":"2 B","cut":6,"delay":["1s","10s"]}',
    '{"stage":"mail","when":{"rate":{"key":"{sender}","messages":2,"per":"1h"}},"reply":"451 one too many"}',
    '{"stage":"connect","when":{"concurrency":{"key":"{ip}","sessions":1}},"then":"stall"}',
    '[]', '{"stage":1}', '{"stage":"rcpt"}', '{"stage":"rcpt","accept":true,"x/~y":1}',
]
PACKS = [
    '[[signal]]\nid = "a"\npoints = 2\nwhen.subject = { regex = "[A-Z]{10}" }\n\n[[rule]]\nid = "b"\nstage = "message"\n'
    'reply = "554 no"\nwhen.score = { at-least = 1, signals = ["a"] }\n',
    '[lists]\nlow = ["a@b.c", ".d"]\n\n[[rule]]\nid = "a"\nstage = "rcpt"\nreply = "451 {sender}"\nlock = "sender"\n'
    'when.sender = { list = "low" }\nscenario = { name = "x", is = "y", becomes = "z" }\n',
    'name = "x"\n\n[[rule]]\nid = "a"\nstage = "rcpt"\nreply = "550 5.1.1 <{recipient}> no"\n[rule.when]\nrecipient = "a@b.c"\n',
    '[[rule]]\nid = "企业"\nstage = "nowhere"\nreply = "5 x"\n', 'a = [1,\n', 'x = "\\ud800"\n', '[a]\n[a]\n', "a = {b = 1\n", "\ufeffname=1",
]
TEXTS = [
    "550 MI:SPF", "554 DT:SPM 163 smtp12,C8CowAAnpFyamC9fa52cAg--.56912S2 ,please see http://x", "sender in prison",
    "对方邮箱已满", "263/keyword", "keyword@263.mockmx.test", "552-5.7.0 one\n552 5.7.0 two", "598  mail rejected by keyword",
    "mx: to=<a@b>, status=bounced (550 one)\nmx: to=<c@d>, status=deferred (451 two)\n", "550", "0x800CCC79",
]
COMMANDS = [
    "EHLO client.example", "HELO [127.0.0.1]", "mail from:<a@b.c> SIZE=10 BODY=8BITMIME RET=FULL ENVID=a+2Bb", "MAIL FROM:<>",
    "RCPT TO:<@x,@y:\"a b\\\"\"@[IPv6:::1]> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+40b", "RCPT TO:<Postmaster>", "BDAT 99 LAST",
    "MAIL FROM:<用户@企业.中国> SMTPUTF8", "AUTH PLAIN AGEAYg==", "VRFY x", "rcpt to: a@b.c ", "STARTTLS", "ETRN x", "DATA", "GET / HTTP/1.1",
]
WIRES = [
    ".\r\n", "a\r\n.\r\nb", "a\r\n..\r\n.\r\n", "..\r\n.\r\n", "a\n.\r\nb\r\n.\r\n", "a\r\n.\nb\r\n.\r\n", "a\r.\r\nb\r\n.\r\n",
    "a\r\n.\r\r\nb\r\n.\r\n", "a\r\n.\rb\r\n.\r\n", ".\n.\r\n", "\n.\r\n", "a\r\n.", "a\r\n.\r", "12345678\r\n123456789\r\n.\r\n",
]
JSON = "content-type: application/json\n\n"
REQUESTS = [
    f"POST /api/v1/stubs?lane=a\n{JSON}{STUBS[0]}", f"PUT /api/v1/stubs\n{JSON}[{STUBS[1]},{STUBS[3]}]", "GET /api/v1/stubs?unmatched=true\n\n",
    f'POST /api/v1/clock\n{JSON}{{"advance":"20m","freeze":true,"lane":"x"}}', f'PUT /api/v1/scenarios/full\n{JSON}{{"state":"later"}}',
    f"POST /api/v1/check?name=a.toml\ncontent-type: text/plain\n\n{PACKS[1]}", "POST /api/v1/reset?lane=a\n\n", "DELETE /api/v1/state/prison%2Fx\n\n",
    "GET /api/v1/sessions?from=%3C%3E&since=2026-11-25T08:00:00Z&limit=5&transcript=true\n\n", "GET /api/v1/messages?header=X-Test:%201&stage=rcpt&count=2&wait=50ms\n\n",
    "GET /api/v1/verdicts?cursor=019ab7a2-0000-7000-8000-000000000000&rule=263/keyword\n\n", "GET /api/v1/events?types=session\nlast-event-id: 3\n\n",
    "GET /api/v1/messages/019ab7a2-0000-7000-8000-000000000000/attachments/0\n\n", "GET /api/v1/senders/report?format=junit\n\n", "GET /metrics\n\n",
    "GET /api/v1/openapi.json\norigin: http://evil.example\n\n", "GET /api/v1/providers/263\nauthorization: Bearer x\n\n", "DELETE /api/v1/messages?subject=x\n\n",
]

# What notifications are written of: bytes for provider, kind, what is asked, and the form; then values, of which those
# that are not named are these; then the original.
VALUES = {
    "from": "a@b.c", "to": "u@263.net", "other": "o@263.net", "subject": "hi", "orcpt": "", "envid": "",
    "notify": "SUCCESS,FAILURE,DELAY", "helo": "mx.b.c", "host": "mx.263.net", "remote": "", "status": "5.1.1",
    "said": "550 5.1.1 User Unknown", "why": "用户不存在", "remedy": "Check it.", "template": "",
}
ORIGINAL = crlf("""From: a@b.c
To: <u@263.net>
Message-ID: <1@b.c>
References: <0@b.c>
Disposition-Notification-To: <a@b.c>

hello
""").encode()
OPEN = crlf("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\nSubject: a\n\n--x\n").encode()
FAILED, DELAYED, RELAYED, DELIVERED, AWAY, READ, ABUSE = range(7)
U263 = {"orcpt": "rfc822;U@263.net"}
EVENTS = {
    "failed": ((0, FAILED, 1, 0), {**U263, "envid": "job 7", "remote": "mx.far.example"}, ORIGINAL),
    "failed-full": ((5, FAILED, 5, 0), {}, ORIGINAL),
    "failed-header": ((1, FAILED, 10, 0), {}, ORIGINAL),
    "failed-plain": ((4, FAILED, 5, 0), {}, ORIGINAL),
    "failed-own": ((3, FAILED, 4, 0x0B), {
        "template": "{subject}\n<{recipient}>: {diagnostic} {{x}}\n\n{reason}", "why": "🙂" * 60}, ORIGINAL),
    "failed-nothing": ((0, FAILED, 0, 0xA1), {
        "template": "no\n\nto {recipient}: {reason} {remedy} {status}"}, ORIGINAL),
    "delayed": ((2, DELAYED, 33, 0), {"status": "4.2.2", "said": "452 Mailbox exceed"}, ORIGINAL),
    "relayed": ((0, RELAYED, 0, 0), {}, ORIGINAL),
    "delivered": ((5, DELIVERED, 2, 0), {}, ORIGINAL),
    "away": ((0, AWAY, 0, 0), {"said": "我在休假。\n\n急事请找李四。"}, ORIGINAL),
    "away-from-nobody": ((0, AWAY, 3, 0), {"other": "\u200b", "from": "x"}, b"To: x\n\n"),
    "read": ((0, READ, 0, 0), U263, ORIGINAL),
    "abuse": ((0, ABUSE, 0, 0), {"envid": "a+b"}, ORIGINAL),
    "wide": ((0, FAILED, 5, 0), {
        "to": "用户+tag@263.net", "orcpt": "utf-8;\\x{7528}+@b", "said": "550 没有这个用户"}, ORIGINAL),
    "wide-utf8": ((0, FAILED, 21, 0), {
        "from": "张三@b.c", "to": "用户@263.net", "said": "没有这个用户"}, "Subject: 好\n\n".encode()),
    "wide-read": ((0, READ, 16, 0), {"to": "用户@263.net"}, ORIGINAL.replace(b"<u@", "<用户@".encode())),
    "wide-abuse": ((1, ABUSE, 16, 0), {"to": "用户@263.net"}, GBK + b"\n\n" + GBK),
    "split": ((0, FAILED, 5, 0), {
        "subject": "a\r\nBcc: x@y", "said": "550 a\r\n\r\n--=_mockmx.0", "helo": "a\nb: c", "envid": "a\r\n\r\nx",
        "from": "a@b.c>\r\nBcc: <x@y", "orcpt": "a\nb;c\nd", "host": "mx\r\nBcc: x", "remote": "\0[::1]",
    }, b"\r\n\r\n--=_mockmx.0000000000000000--\r\n"),
    "encoded": ((0, DELAYED, 1, 0), {
        "subject": "=?UTF-8?B?DQpCY2M6?=", "said": "=?UTF-8?Q?=0D=0A?=", "from": "=?x?q?y?=@b.c"}, b"\xff\0\r"),
    "long": ((1, FAILED, 1, 0), {"subject": "x" * 400, "said": "550 " + "y" * 600, "to": "🙂" * 110 + "@b"}, b"x" * 300),
    "nested": ((0, FAILED, 5, 0), {}, OPEN),
    "mail-of-a-mail": ((0, FAILED, 5, 0), {}, b"Content-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nb\r\n"),
    "report": ((0, FAILED, 5, 0), {}, BOUNCE),
    "quoted": ((0, FAILED, 1, 0), {"from": '"a \\" b"@[127.0.0.1]'}, b""),
}

SESSIONS = {
    "bdat": "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nBDAT 3\r\na\r\nBDAT 2 LAST\r\n.\nQUIT\r\n",
    "login": "EHLO a\r\nAUTH LOGIN\r\nYUBleGFtcGxlLmNvbQ==\r\nc2VjcmV0\r\nMAIL FROM:<a@b.c>\r\n",
    "plain": "EHLO a\r\nAUTH PLAIN AGFAZXhhbXBsZS5jb20Ac2VjcmV0\r\nAUTH PLAIN\r\n*\r\n",
    "starttls": "EHLO a\r\nSTARTTLS\r\nNOOP\r\n\xfe|EHLO b\r\nAUTH PLAIN =\r\n",
    "events": "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\nx\xfef\r\n.\r\nNOOP\r\n\xfes\xfet",
    "smuggling": "HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.c>\r\nDATA\r\nx\n.\nMAIL FROM:<evil@b.c>\r\n.\r\r\n..\r\n.\r\nQUIT\r\n",
    "http": "GET / HTTP/1.1\r\n", "tls": "\x16\x03\x01",
    "hostile": "EHLO \x1b[2J\r\nMAIL FROM:<\"a\\\"\"@b.c>\r\nRCPT TO:<@x:y@z>\r\n\x00\r\n\xff\r\n",
}

# What servers say to EHLO, an unknown command, MAIL, RCPT, NOOP, DATA, a message and QUIT.
SERVERS = {
    "good": "220 mx.example ESMTP\r\n250-mx.example\r\n250-SIZE 9999\r\n250-AUTH LOGIN\r\n250 STARTTLS\r\n500 what?\r\n250 <a@example.org> ok\r\n"
    "250 ok\r\n250 ok\r\n354 go on\r\n250 2.0.0 taken\r\n221 bye\r\n",
    "refused": "220 mx\r\n250 client.example\r\n502 no\r\n250 ok\r\n550-5.1.1 <b@example.com>: {recipient}\r\n550 \"\"\"\\u0041\r\n",
    "greeting": "554-no\r\n554 [127.0.0.1] is not wanted\r\n",
    "gbk": b"220 \xd3\xc3\xbb\xa7\r\n250 mx\r\n500 \xff\r\n250 \xba\xc3\r\n450 \xb2\xbb\xb4\xe6\xd4\xda\r\n",
    "ids": "220 mx Fri, 01 Feb 2008 00:00:00 +0000\r\n250 mx\r\n500 x\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 queued as 6E76F9F7C15\r\n",
    "odd": "220 mx\n250 mx\r\n500\r\nno reply\r\n",
    "goodbye": "220 mx\r\n250 mx\r\n500 x\r\n421 4.3.2 going\r\n",
}


def main():
    for path in HERE.glob("*/*"):
        path.unlink()
    chance = random.Random(263)
    for number, line in enumerate(COMMANDS):
        seed("command", f"{number:02}", line, b"\xff\xff")
        seed("line", f"{number:02}", line + "\r\n" + COMMANDS[number - 1] + "\n", bytes([40, 3, 0, 5]))
    for number, wire in enumerate(WIRES):
        seed("data", f"{number:02}", wire, bytes([10, 2, 1, 3]))
    for number in range(12):
        chunks = b"".join(bytes([1, chance.random() < 0.3, chance.choice([0, 1, 3, 9, 20, 41, 90])]) for _ in range(number))
        seed("bdat", f"{number:02}", bytes([2, 5, 1]) + chunks + b"\0" + b"a\r\n.\r\nBDAT 3 LAST\r\nQUIT\r\n" * 6)
    for name, said in SESSIONS.items():
        seed("session", name, said.encode("latin-1"), bytes([3, 16, 0, 3, 7, 0]))
        seed("session", f"{name}-narrow", said.encode("latin-1"), bytes([1, 2, 0xD7, 5, 2, 5, 6, 6, 0x40, 6, 0x25]))
    for name, said in scenarios():
        # One in five, and the same ones when there are more.
        if zlib.crc32(name.encode()) % 5 == 0:
            seed("session", f"scenario-{name}", said, bytes([0, 0, 0, 9, 2, 0]))
    for name, mail in MAILS.items():
        seed("mime", name, mail, b"\0")
        seed("explain", f"mail-{name}", mail) if name in ("gbk", "rfc822", "alternative", "words") else None
    for name, content in ZIPS.items():
        seed("zip", name, content, b"\0")
    for number, text in enumerate(PACKS):
        seed("pack", f"{number:02}", text)
    for path in sorted((ROOT / "policies").glob("*.toml")):
        # Four of each, and the same ones when there are more.
        tables = re.split(r"(?m)^(?=\[)", path.read_text())[1:]
        tables = {f"{zlib.crc32(table.encode()):08x}": table for table in tables}
        for mark in sorted(tables)[:4]:
            seed("pack", f"{path.stem}-{mark}", 'name = "x"\n' + tables[mark])
    for number, text in enumerate(STUBS):
        seed("stub", f"{number:02}", text)
    for number, text in enumerate(TEXTS):
        seed("explain", f"text-{number:02}", text)
    seed("explain", "bounce", BOUNCE)
    seed("explain", "mailbox", b"From a Thu Feb 1\n" + BOUNCE.replace(b"\r", b"") + b"\n\nFrom b Thu Feb 1\nFrom: a@b\n\n550 two\n")
    seed("explain", "utf16", "\ufeff550 好".encode("utf-16-le"))
    for path in sorted((ROOT / "tests" / "bounces").glob("*")):
        # The README and what makes them are none, and what servers made is too much.
        seed("reproduce", path.name, path.read_bytes()) if path.suffix not in (".md", "") else None
    for name, said in SERVERS.items():
        seed("record", name, said)
    for number, text in enumerate(REQUESTS):
        seed("http", f"{number:02}", text)
    for name, (head, values, original) in EVENTS.items():
        values = [value.encode() for value in {**VALUES, **values}.values()]
        seed("notification", name, b"\xfe".join([*values, original]), bytes(head))
    chance = random.Random(263)
    for number in range(24):
        seed("transcript", f"{number:02}", chance.randbytes(40 + 8 * number))


main()
