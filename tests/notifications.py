"""Reads notifications as a sender's programs do: with Python's email, and with flufl.bounce, which tells whom a bounce
speaks of. Prints what it understood of each file, one line of JSON a file."""

import email
import email.policy
import json
import pathlib
import sys

from flufl.bounce import all_failures, scan_message


def fields(block):
    return {name.lower(): str(value) for name, value in block.items()}


def understood(path):
    raw = path.read_bytes()
    message = email.message_from_bytes(raw, policy=email.policy.default)
    defects = [type(defect).__name__ for part in message.walk() for defect in part.defects]
    found = {
        "file": path.name,
        "type": message.get_content_type(),
        "report": message.get_param("report-type"),
        "from": message["from"].addresses[0].addr_spec,
        "subject": message["subject"],
        "auto": message["auto-submitted"],
        "defects": defects,
        "parts": [],
        "blocks": [],
    }
    if message.is_multipart():
        parts = list(message.iter_parts())
        found["parts"] = [part.get_content_type() for part in parts]
        found["text"] = parts[0].get_content()
        inner = parts[1].get_payload()
        if isinstance(inner, list) and parts[1].get_content_type() == "message/delivery-status":
            found["blocks"] = [fields(block) for block in inner]
        else:
            # What Python takes for a message or for bytes is a block of fields (RFC 8098 §3.1, RFC 5965 §3).
            inner = inner[0].as_bytes() if isinstance(inner, list) else parts[1].get_payload(decode=True)
            found["blocks"] = [fields(email.message_from_bytes(inner))]
    else:
        found["text"] = message.get_content()
    # As Mailman parses: by the policy that flufl.bounce was written for.
    plain = email.message_from_bytes(raw)
    temporary, permanent = all_failures(plain)
    found["temporary"] = sorted(address.decode() for address in temporary)
    found["permanent"] = sorted(address.decode() for address in permanent)
    assert scan_message(plain) == permanent
    return found


for file in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    print(json.dumps(understood(file)))
