#!/usr/bin/env python3
"""Runs mockmx under mixed load with faults for a time, and says whether it stayed in shape.

    tests/soak/soak.py PROGRAM MINUTES [OUT]

The journal is SQLite. Clients send messages of all sizes, by one and by many a connection, over STARTTLS and TLS too, are
refused, break off, say nothing, reset, and do not read. Meanwhile the API is asked, waited on and listened to, settings are
reloaded, and now and then another process locks the journal's file for longer than mockmx waits, so that messages get
451. At the end every message that was acknowledged must be found, and memory and file descriptors must have stayed level.
OUT gets a CSV and an SVG of both.
"""

import asyncio
import json
import os
import pathlib
import random
import re
import signal
import socket
import sqlite3
import ssl
import statistics
import struct
import sys
import tempfile
import time
import urllib.request

PROGRAM, MINUTES = sys.argv[1], float(sys.argv[2])
OUT = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None
SECONDS = MINUTES * 60
DIE = random.Random(42)
COUNTS = dict.fromkeys(["acknowledged", "refused", "451", "broken off", "reset", "locked", "reloads", "asked"], 0)
acknowledged = set()
trusting = ssl.create_default_context()
trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE


async def reply(reader):
    while True:
        line = await asyncio.wait_for(reader.readline(), 60)
        if not line or line[3:4] != b"-":
            return line.decode("latin-1").rstrip()


async def ask(reader, writer, line):
    writer.write(line.encode() + b"\r\n")
    await writer.drain()
    return await reply(reader)


async def open_session(where):
    kind = DIE.choice(["smtp", "smtp", "submission", "smtps"])
    reader, writer = await asyncio.open_connection(*where[kind], ssl=trusting if kind == "smtps" else None)
    await reply(reader)
    await ask(reader, writer, "EHLO soak.example")
    if kind == "submission" and DIE.random() < 0.5:
        await ask(reader, writer, "STARTTLS")
        await writer.start_tls(trusting)
        await ask(reader, writer, "EHLO soak.example")
    return reader, writer


async def sender(where, number, end):
    sent = 0
    while time.monotonic() < end:
        try:
            reader, writer = await open_session(where)
            for _ in range(DIE.choice([1, 1, 2, 10])):
                sent += 1
                await message(reader, writer, f"<{number}.{sent}@soak.example>")
            if DIE.random() < 0.8:
                await ask(reader, writer, "QUIT")
            writer.close()
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
            COUNTS["broken off"] += 1
        await asyncio.sleep(DIE.random() * 0.2)


async def message(reader, writer, message_id):
    to = DIE.choice(["a@263.net", "b@163.com", "c@example.net", "user-unknown@263.mockmx.test", "d@x.lane.mockmx.test"])
    await ask(reader, writer, f"MAIL FROM:<s{DIE.randrange(1000)}@soak.example>")
    if not (await ask(reader, writer, f"RCPT TO:<{to}>")).startswith("250"):
        COUNTS["refused"] += 1
        await ask(reader, writer, "RSET")
        return
    if not (await ask(reader, writer, "DATA")).startswith("354"):
        return
    size = DIE.choice([100, 1000, 5000, 100_000]) if DIE.random() > 0.005 else 3_000_000
    subject = DIE.choice(["Hello", "代开发票", "=?gb2312?B?xOO6ww==?="])
    writer.write(f"Message-ID: {message_id}\r\nSubject: {subject}\r\n\r\n".encode() + b"x" * 70 + b"\r\n")
    writer.write((b"y" * 70 + b"\r\n") * (size // 72))
    answer = await ask(reader, writer, ".")
    if answer.startswith("250"):
        acknowledged.add(message_id)
        COUNTS["acknowledged"] += 1
    else:
        COUNTS["451" if answer.startswith("451") else "refused"] += 1


async def breaker(where, end):
    """Breaks off at any place, says nothing, resets, does not read."""
    while time.monotonic() < end:
        try:
            reader, writer = await open_session(where)
            said = DIE.randrange(5)
            for line in ["MAIL FROM:<a@soak.example>", "RCPT TO:<a@263.net>", "DATA", "half a line"][:said]:
                writer.write(line.encode() + b"\r\n")
            if DIE.random() < 0.5:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                COUNTS["reset"] += 1
            elif DIE.random() < 0.3:
                writer.write(b"HELP\r\n" * 20_000)
                await asyncio.sleep(1)
            writer.close()
        except (OSError, asyncio.TimeoutError, ssl.SSLError):
            pass
        await asyncio.sleep(DIE.random())


def get(where, path):
    host, port = where["http"]
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=120) as answer:
        return answer.read()


async def asker(where, end):
    paths = ["/metrics", "/api/v1/sessions?limit=50", "/api/v1/verdicts?rule=263/keyword", "/api/v1/senders/report",
             "/api/v1/messages?to=a@263.net&limit=20", "/api/v1/state", "/readyz", "/api/v1/messages?to=nobody@263.net&wait=2s"]
    while time.monotonic() < end:
        try:
            await asyncio.to_thread(get, where, DIE.choice(paths))
        except OSError:
            pass  # 408 and 503 among them
        COUNTS["asked"] += 1
        await asyncio.sleep(1)


async def listener(where, end):
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection(*where["http"])
        writer.write(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until = time.monotonic() + 30
        while time.monotonic() < min(until, end) and await reader.read(65536):
            pass
        writer.close()


async def saboteur(database, process, end):
    while time.monotonic() < end - 40:
        await asyncio.sleep(60)
        connection = sqlite3.connect(database, isolation_level=None, timeout=30)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            COUNTS["locked"] += 1
            await asyncio.sleep(12)
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            pass
        connection.close()
        process.send_signal(signal.SIGHUP)
        COUNTS["reloads"] += 1


def seen(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024, len(os.listdir(f"/proc/{pid}/fd"))


async def observer(pid, end, curve):
    began = time.monotonic()
    while time.monotonic() < end:
        rss, files = seen(pid)
        curve.append((time.monotonic() - began, rss, files, len(acknowledged)))
        if sys.stderr.isatty():
            print(f"\r{curve[-1][0]:5.0f} s  {rss:6.1f} MiB  {files:5} files  {len(acknowledged)} messages ", end="", file=sys.stderr)
        await asyncio.sleep(5)


def all_found(where):
    found, cursor = set(), ""
    while True:
        page = json.loads(get(where, f"/api/v1/messages?limit=1000{cursor}"))
        for record in page["items"]:
            found.update(header["value"] for header in record["headers"] if header["name"] == "Message-ID")
        if "next" not in page:
            return found
        cursor = f"&cursor={page['next']}"


def write(curve):
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ["seconds,rss_mib,files,messages"] + [f"{t:.0f},{rss:.1f},{files},{sent}" for t, rss, files, sent in curve]
    (OUT / "soak.csv").write_text("\n".join(lines) + "\n")
    top = [max(row[column] for row in curve) for column in (1, 2)]
    width, height, last = 800, 240, curve[-1][0] or 1

    def line(column, colour, most):
        points = " ".join(f"{40 + t / last * (width - 60):.1f},{height - 20 - of / most * (height - 50):.1f}"
                          for t, of in ((row[0], row[column]) for row in curve))
        return f'<polyline fill="none" stroke="{colour}" points="{points}"/>'

    (OUT / "soak.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="40" y="16" fill="#06c">memory, up to {top[0]:.0f} MiB</text>'
        f'<text x="240" y="16" fill="#c60">file descriptors, up to {top[1]}</text>'
        f'<text x="440" y="16">{last / 60:.0f} minutes, {curve[-1][3]} messages acknowledged</text>'
        + line(1, "#06c", top[0]) + line(2, "#c60", top[1]) + "</svg>\n")


async def main():
    with tempfile.TemporaryDirectory() as folder:
        database = pathlib.Path(folder) / "journal.db"
        settings = f"journal = 'sqlite:{database}'\nkeep-sessions = 100000000\nkeep-bytes = '100 GiB'\nlog.filter = 'off'\n"
        (pathlib.Path(folder) / "mockmx.toml").write_text(settings)
        process = await asyncio.create_subprocess_exec(
            os.path.abspath(PROGRAM), "serve", "--smtp", "0", "--submission", "0", "--smtps", "0", "--http", "0", cwd=folder,
            stdout=asyncio.subprocess.PIPE)
        where = {}
        for _ in range(4):
            _, name, address = (await process.stdout.readline()).decode().split()
            host, port = address.rsplit(":", 1)
            where[name] = (host, int(port))
        end, curve = time.monotonic() + SECONDS, []
        await asyncio.gather(*(sender(where, number, end) for number in range(20)), *(breaker(where, end) for _ in range(5)),
                             asker(where, end), listener(where, end), saboteur(database, process, end),
                             observer(process.pid, end, curve))
        found = all_found(where)
        idle = seen(process.pid)
        process.terminate()
        code = await process.wait()
    if OUT:
        write(curve)
    quarter = len(curve) // 4
    early, late = (statistics.median(row[1] for row in part) for part in (curve[quarter:2 * quarter], curve[-quarter:]))
    missing = acknowledged - found
    print(f"\n{MINUTES:g} minutes: " + ", ".join(f"{count} {what}" for what, count in COUNTS.items()))
    print(f"acknowledged and found: {len(acknowledged) - len(missing)} of {len(acknowledged)}")
    print(f"memory, MiB: second quarter {early:.1f}, last {late:.1f}, most {max(row[1] for row in curve):.1f}")
    print(f"file descriptors: most {max(row[2] for row in curve)}, at the end {idle[1]}; exit code {code}")
    bad = missing or late > early * 1.25 + 10 or idle[1] > 60 or code != 0
    sys.exit(1 if bad else 0)


asyncio.run(main())
