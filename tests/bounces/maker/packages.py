"""Debian's packages, as files: installed, one mail server would remove the other."""

import subprocess


def fetch(names, folder):
    folder.mkdir()
    if names:
        # As apt's own user it could not write there.
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *names], cwd=folder, check=True)


def version(name, folder):
    """The version of a package that was fetched, or else of the one that is installed."""
    files = list(folder.glob(f"{name}_*.deb"))
    command = ["dpkg-deb", "-f", files[0], "Version"] if files else ["dpkg-query", "-W", "-f", "${Version}", name]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
