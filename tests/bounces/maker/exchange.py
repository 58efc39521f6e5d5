"""One mail of a case: sent, refused, bounced."""

import re
import time
from dataclasses import dataclass

# How long a bounce may take.
PATIENCE = 30


@dataclass
class Refusal:
    """What mockmx said about a recipient, as its journal has it."""

    recipient: str
    stage: str
    # The lines of the reply as they went over the wire, without their ends.
    lines: list
    rule: str


@dataclass
class Outcome:
    refusals: list
    bounces: list
    # What the server logged of the recipients, and all that it did.
    log: list
    all_log: str


def exchange(mta, mockmx, case):
    since, before = mockmx.now(), len(mta.log())
    # The mailbox may have bounces of the same case from before.
    known = len(mockmx.mails(case.sender))
    mta.send(case.sender, case.recipients, case.mail())
    bounces, late = [], time.monotonic() + PATIENCE
    while not all(any(told(name, bounce) for bounce in bounces) for name in case.recipients):
        bounces = mockmx.mails(case.sender, known + len(bounces) + 1)[known:]
        if time.monotonic() > late:
            break
        mta.hurry()
    verdicts = mockmx.verdicts(since)
    heard = [line for session in {verdict["session"] for verdict in verdicts} for line in mockmx.heard(session)]
    try:
        refusals = [refusal(name, verdicts, heard) for name in case.recipients]
    except LookupError as error:
        raise RuntimeError(f"{case.name}: {error}\n{mta.log()[before:]}") from error
    lines = [line for line in mta.log()[before:].splitlines() if mta.tells(line, case.recipients)]
    return Outcome(refusals, bounces, lines, mta.log()[before:])


def told(recipient, bounce):
    """Whether a delivery report is about a recipient; all four servers write one."""
    return re.search(rb"(?im)^Final-Recipient: *rfc822; *<?%s>?$" % re.escape(recipient.encode()), bounce)


def refusal(recipient, verdicts, heard):
    """The last refusal that befell a recipient: its own, or one of the whole session or message."""
    refused = [verdict for verdict in verdicts if verdict.get("reply", "")[:1] in ("4", "5")]
    own = [verdict for verdict in refused if verdict["stage"] == "rcpt" and recipient in verdict["to"]]
    refused = own or [verdict for verdict in refused if verdict["stage"] != "rcpt"]
    if not refused or refused[-1]["late"]:
        raise LookupError(f"{recipient} is not refused by {verdicts}")
    last = refused[-1]
    return Refusal(recipient, last["stage"], spoken(last["reply"], heard), f"{last['provider']}/{last['rule']}")


def spoken(reply, heard):
    """The lines of a reply, which a verdict shows in one."""
    for at, line in enumerate(heard):
        lines = [line]
        while lines[-1][3:4] == "-" and at + len(lines) < len(heard):
            lines.append(heard[at + len(lines)])
        if line[:3] + " " + " / ".join(line[4:] for line in lines) == reply:
            return lines
    raise LookupError(f"{reply} is not in {heard}")
