"""Install the Debian packages the tests lack: `python3 tools/packages.py`. Standard library only."""

import os
import shutil
import subprocess
import sys

NEEDED = {
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
}


def missing():
    """The packages whose programs are not on this machine, sorted."""
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    return sorted({package for program, package in NEEDED.items() if not shutil.which(program, path=path)})


def main():
    """Update the lists and install; a lock held by another apt is waited for up to five minutes."""
    packages = missing()
    if not packages:
        return
    print("Installing with apt: " + " ".join(packages), flush=True)
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    if sudo and not shutil.which("sudo"):
        sys.exit("Run this as root: apt-get install --no-install-recommends " + " ".join(packages))
    apt = sudo + ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    # a stale mirror of one suite must not stop what the others can install
    subprocess.call(apt + ["update"], **quiet)
    if subprocess.call(apt + ["install", "-y", "--no-install-recommends"] + packages, **quiet) or missing():
        sys.exit("apt could not install: " + " ".join(missing() or packages))


if __name__ == "__main__":
    main()
