"""mockmx: the exchange of all recipients, the name server, and, in a lane of its own, the mailbox of all senders."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from .jail import mount

API = "http://127.0.0.1:8025/api/v1"
PACK = Path(__file__).with_name("made.toml")

# Addresses for documentation (RFC 5737): they stand in the bounces.
MAIN, MAILBOX = "192.0.2.1", "192.0.2.2"

SETTINGS = """\
smtp = "{main}:25"
submission = "off"
smtps = "off"
http = "127.0.0.1:8025"
policies = ["{pack}"]

[dns]
listen = "127.0.0.1:53"

[dns.zones]
"example.org" = {{ MX = ["10 mail.example.org"] }}
"mail.example.org" = {{ A = ["{mailbox}"] }}
"mta.example.org" = {{ A = ["127.0.0.1"] }}
{zones}

[[listener]]
name = "mailbox"
address = "{mailbox}:25"
provider = "neutral"
lane = "mailbox"
{tables}
"""


class Mockmx:
    def __init__(self, program, folder, cases, plays):
        """With `plays` it refuses as the cases say; without it, no rule of theirs is met."""
        zones, tables, addresses = [], [], [MAIN, MAILBOX]
        for case in cases:
            exchange, address = f"mx.{case.domain}", MAIN
            if plays and case.rule:
                address = f"192.0.2.{8 + len(addresses)}"
                addresses.append(address)
                tables.append(table("listener", name=case.name, address=f"{address}:25", rule=case.rule,
                                    provider=case.rule.split("/")[0]))
            if any(name.endswith(f"@{case.domain}") for name in case.recipients):
                zones.append(f'"{case.domain}" = {{ MX = ["10 {exchange}"] }}\n"{exchange}" = {{ A = ["{address}"] }}')
            for name, rule in case.recipients.items():
                if plays and rule:
                    tables.append(table("mailbox", address=name, rule=rule))
        for address in addresses:
            subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], check=True)
        settings = SETTINGS.format(main=MAIN, mailbox=MAILBOX, pack=PACK, zones="\n".join(zones),
                                   tables="\n".join(tables))
        folder.mkdir(exist_ok=True)
        (folder / "mockmx.toml").write_text(settings)
        with open(folder / "log", "wb") as log:
            command = [program, "serve", "--config", folder / "mockmx.toml", "--log", "warn"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(100):
            try:
                self.get("/clock")
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError((folder / "log").read_text())

    def get(self, path, **query):
        return json.loads(self.raw(path, **query))

    def raw(self, path, **query):
        with urllib.request.urlopen(f"{API}{path}?{urllib.parse.urlencode(query)}", timeout=60) as answer:
            return answer.read()

    def now(self):
        return self.get("/clock")["now"]

    def heard(self, session):
        """The lines that mockmx said in a session."""
        lines = self.get(f"/sessions/{session}")["transcript"]["lines"]
        return [line["text"] for line in lines if line["by"] == "server"]

    def verdicts(self, since):
        return self.get("/verdicts", since=since, lane="default", limit=100)["items"][::-1]

    def mails(self, to, count=0, wait=1):
        """The mails to a sender, as they came, with the line ends of a mailbox file; after a wait for so many of them."""
        query = {"count": count, "wait": f"{wait}s"} if count else {}
        try:
            items = self.get("/messages", to=to, lane="mailbox", limit=100, **query)["items"]
        except urllib.error.HTTPError as error:
            items = json.loads(error.read())["found"]
        return [self.raw(f"/messages/{item['id']}/raw").replace(b"\r\n", b"\n") for item in items[::-1]]

    def forget_stubs(self):
        urllib.request.urlopen(urllib.request.Request(f"{API}/stubs", method="DELETE"), timeout=60).close()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def own_name():
    """Gives the namespace its name and its network."""
    subprocess.run(["hostname", "mta.example.org"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    mount("--make-rprivate", "/")


def table(kind, **values):
    return f"[[{kind}]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
