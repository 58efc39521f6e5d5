"""The mail servers: each takes mail from its `sendmail` command, sends it where DNS says, tries once or for a second or
two, and sends its bounces where DNS says, too."""

import subprocess
import time
from pathlib import Path

from .jail import Jail

NAME = "mta.example.org"
HERE = Path(__file__).resolve().parents[3]


class Mta:
    packages = []
    sendmail = ["/usr/sbin/sendmail"]

    def __init__(self, folder, fetched):
        self.jail = Jail(folder, fetched)
        self.output = folder / "output"
        self.set_up()

    def send(self, sender, recipients, mail):
        command = self.jail.command([*self.sendmail, "-f", sender, "--", *recipients])
        done = subprocess.run(command, input=mail, capture_output=True, timeout=60)
        if done.returncode not in self.fine:
            raise RuntimeError(f"{command}: {done.returncode} {done.stdout} {done.stderr}")

    # What its sendmail command may end with.
    fine = (0,)

    def hurry(self):
        """Has it try again what waits, by which it gives up."""

    def log(self):
        return self.output.read_text(errors="surrogateescape")

    def tells(self, line, recipients):
        """Whether a line of the log tells of a delivery to one of them."""
        return any(f"to=<{name}>" in line or f"to={name}," in line for name in recipients)

    def wait(self, is_there):
        for _ in range(100):
            if is_there():
                return
            time.sleep(0.1)
        raise TimeoutError(f"{type(self).__name__} does not start: {self.log()}")


class Postfix(Mta):
    """The installed one, as docker/postfix/start runs it."""

    sendmail = ["/usr/sbin/sendmail", "-C", "/srv/postfix/conf"]

    def set_up(self):
        more = (f"myhostname = {NAME}\ninet_interfaces = 127.0.0.1\nmaximal_queue_lifetime = 0\n"
                "bounce_queue_lifetime = 0\nmaillog_file = /var/log/postfix\nmaillog_file_prefixes = /var\n")
        variables = {"RELAY": "", "LISTEN": "127.0.0.1:2525", "DIR": "/srv/postfix", "MORE": more,
                     "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        with open(self.output, "wb") as log:
            self.jail.start([HERE / "docker/postfix/start"], log, env=variables)
        self.wait(lambda: "daemon started" in self.log())

    def log(self):
        file = self.jail.path("/var/log/postfix")
        return file.read_text(errors="surrogateescape") if file.exists() else self.output.read_text()


class Exim(Mta):
    packages = ["exim4-base", "exim4-daemon-light", "libidn12"]
    sendmail = ["/usr/sbin/exim4", "-odi", "-oem"]
    # 2: a delivery failed.
    fine = (0, 2)

    def set_up(self):
        self.jail.user("Debian-exim", 901)
        for folder in ("/var/spool/exim4", "/var/log/exim4"):
            self.jail.folder(folder, "Debian-exim", "Debian-exim", 0o750)
        # Without retry rules no failure is a passing one.
        self.jail.write("/etc/exim4/exim4.conf", f"""\
primary_hostname = {NAME}
disable_ipv6 = true
smtputf8_advertise_hosts =
begin routers
dns:
  driver = dnslookup
  transport = smtp
  self = send
  no_more
begin transports
smtp:
  driver = smtp
  hosts_avoid_tls = *
""")

    def log(self):
        file = self.jail.path("/var/log/exim4/mainlog")
        return file.read_text(errors="surrogateescape") if file.exists() else ""

    def tells(self, line, recipients):
        return any(mark in line for mark in (" ** ", " == ", "SMTP error"))


class OpenSmtpd(Mta):
    packages = ["opensmtpd"]
    sendmail = ["/usr/local/sbin/sendmail"]

    def set_up(self):
        self.jail.user("opensmtpd", 902)
        self.jail.user("opensmtpq", 903)
        self.jail.folder("/var/lib/opensmtpd/empty")
        self.jail.run(["chgrp", "opensmtpq", "/usr/sbin/smtpctl"])
        self.jail.run(["chmod", "g+s", "/usr/sbin/smtpctl"])
        # By its name it knows what it is to be.
        self.jail.folder("/usr/local/sbin")
        self.jail.path("/usr/local/sbin/sendmail").symlink_to("/usr/sbin/smtpctl")
        self.jail.write("/etc/smtpd.conf", f"""\
queue ttl 1s
mta limit conn-delay-host 0 conn-delay-source 0 conn-delay-connector 0 conn-delay-relay 0 conn-delay-domain 0
mta limit reconn-delay-route 0 session-transaction-delay 0 session-keepalive 1
listen on socket
action "send" relay helo "{NAME}"
match from any for any action "send"
""")
        self.jail.path("/etc/smtpd.conf").chmod(0o640)
        with open(self.output, "wb") as log:
            self.jail.start(["/usr/sbin/smtpd", "-d", "-v"], log)
        self.wait(lambda: self.jail.path("/run/smtpd.sock").exists())


class Sendmail(Mta):
    packages = ["sendmail-bin", "sendmail-base", "sendmail-cf", "libwrap0", "m4", "libsigsegv2"]
    sendmail = ["/usr/libexec/sendmail/sendmail", "-Am", "-odi", "-oem"]
    # sysexits(3): what the server said, in one number.
    fine = (0, *range(64, 79))

    def set_up(self):
        self.jail.user("smmta", 904)
        self.jail.user("smmsp", 905)
        self.jail.folder("/var/spool/mqueue", mode=0o700)
        macros = f"""\
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{NAME}')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_QUEUERETURN', `1s')dnl
define(`confTO_QUEUEWARN', `0')dnl
define(`confMAX_QUEUE_RUN_SIZE', `0')dnl
define(`confTRUSTED_USER', `root')dnl
define(`confBIND_OPTS', `-DNSRCH WorkAroundBrokenAAAA')dnl
undefine(`ALIAS_FILE')dnl
MAILER(`smtp')dnl
"""
        made = self.jail.run(["m4"], input=macros.encode(), stdout=subprocess.PIPE).stdout
        self.jail.write("/etc/mail/sendmail.cf", made.decode())
        self.jail.write("/etc/mail/local-host-names", "")
        self.jail.write("/etc/mail/service.switch", "hosts\tdns files\naliases\tfiles\n")

    def hurry(self):
        time.sleep(1.1)
        self.jail.run([*self.sendmail[:1], "-q"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def log(self):
        return self.jail.syslog()


MTAS = {"exim": Exim, "opensmtpd": OpenSmtpd, "postfix": Postfix, "sendmail": Sendmail}
