"""Holds idle sessions open and sends one large message, and prints what the server's memory was.

usage: memory.py PID PORT SESSIONS MEBIBYTES
"""

import base64
import os
import resource
import selectors
import smtplib
import socket
import sys

pid, port, sessions, mebibytes = map(int, sys.argv[1:])


def memory(key):
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith(key))
    return int(line.split()[1]) * 1024


resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
clients = []
for number in range(sessions):
    clients.append(socket.create_connection(("127.0.0.1", port)))
    clients[-1].settimeout(60)
for client in clients:
    assert client.recv(1000).startswith(b"220 "), "no banner"
    client.sendall(b"EHLO idle.test\r\n")
for client in clients:
    assert client.recv(1000).startswith(b"250"), "no answer to EHLO"
print(memory("VmRSS"))
for client in clients:
    client.close()

attachment = base64.encodebytes(os.urandom(mebibytes * 1024 * 1024 * 54 // 74)).replace(b"\n", b"\r\n")
header = (
    b"Subject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream; name=x.bin\r\n"
    b"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
)
with open(f"/proc/{pid}/clear_refs", "w") as peak:
    peak.write("5")
before = memory("VmRSS")
with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
    client.sendmail("a@client.test", ["user@263.net"], header + attachment)
print(memory("VmHWM") - before)
