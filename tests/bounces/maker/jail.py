"""A file system in which a server finds its files where Debian puts them: this machine's, with the server's packages and
settings laid over it in memory."""

import os
import socket
import subprocess
import threading
from pathlib import Path


class Jail:
    """Must be made in a mount namespace of its own, for nothing of it is unmounted."""

    def __init__(self, folder, packages):
        self.root = folder / "root"
        layers = folder / "layers"
        for path in (self.root, layers):
            path.mkdir()
        mount("-t", "tmpfs", "layers", layers)
        for name in ("upper", "work"):
            (layers / name).mkdir()
        options = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
        mount("-t", "overlay", "-o", options, "jail", self.root)
        for package in sorted(packages.glob("*.deb")):
            files = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
            # Some have a folder /lib, which is a link by now.
            subprocess.run(["tar", "-xp", "--keep-directory-symlink", "-C", self.root], input=files, check=True)
        # Set-user-ID programs, sockets and temporary files are its own; what it logs comes to /dev/log.
        mount("-t", "proc", "proc", self.root / "proc")
        for name in ("dev", "tmp", "run"):
            mount("-t", "tmpfs", name, self.root / name)
        for name in ("null", "zero", "random", "urandom"):
            (self.root / "dev" / name).touch()
            mount("--bind", Path("/dev") / name, self.root / "dev" / name)
        (self.root / "dev/shm").mkdir()
        os.symlink("/proc/self/fd", self.root / "dev/fd")
        os.symlink("/proc/self/fd/1", self.root / "dev/stdout")
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n127.0.0.1 mta.example.org mta\n")
        self.write("/etc/hostname", "mta.example.org\n")
        self.write("/etc/mailname", "mta.example.org\n")
        self._syslog = []
        threading.Thread(target=self._listen, args=[self._log_socket()], daemon=True).start()

    def _log_socket(self):
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The whole path can be longer than a socket's may be.
        before = os.getcwd()
        os.chdir(self.root / "dev")
        log.bind("log")
        os.chmod("log", 0o666)
        os.chdir(before)
        return log

    def _listen(self, log):
        while True:
            line = log.recv(1 << 16).decode(errors="surrogateescape")
            self._syslog.append(line.split(">", 1)[-1].rstrip("\0\n") + "\n")

    def syslog(self):
        return "".join(self._syslog)

    def path(self, path):
        return self.root / path.lstrip("/")

    def write(self, path, text):
        file = self.path(path)
        if file.is_symlink():
            file.unlink()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def folder(self, path, owner="root", group="root", mode=0o755):
        self.path(path).mkdir(parents=True, exist_ok=True)
        self.run(["chown", f"{owner}:{group}", path])
        self.path(path).chmod(mode)

    def user(self, name, number):
        for file, line in (("passwd", f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"),
                           ("group", f"{name}:x:{number}:\n")):
            self.path(f"/etc/{file}").write_text(self.path(f"/etc/{file}").read_text() + line)

    def command(self, command):
        return ["chroot", self.root, *command]

    def run(self, command, **more):
        return subprocess.run(self.command(command), check=True, **more)

    def start(self, command, log, **more):
        """Starts what goes on until the end, with what it says in the file `log`."""
        return subprocess.Popen(self.command(command), stdout=log, stderr=log, stdin=subprocess.DEVNULL, **more)


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)
