"""Make or refresh the virtual environment: `python3 tools/environment.py demo|test|bench`. Standard library only.

The stamp is written last, so an installation that was killed half-way is made anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 11)
LOCKS = {"demo": "requirements.lock", "test": "requirements-test.lock", "bench": "requirements-bench.lock"}


def missing():
    """What this machine lacks, as a list of sentences that name the Debian package."""
    lacks = []
    if sys.version_info < OLDEST:
        lacks.append(f"Python 3.11 or later: {sys.executable} is {sys.version.split()[0]}")
    for program in ("git", "make"):
        if not shutil.which(program):
            lacks.append(f"{program}: sudo apt-get install {program}")
    for module in ("venv", "ensurepip"):
        if subprocess.call([sys.executable, "-c", "import " + module], stderr=subprocess.DEVNULL):
            lacks.append(f"the Python module {module}: sudo apt-get install python3-venv")
            break
    return lacks


def fingerprint(kind):
    """What an environment of this kind was made from: the lock, the Python and the place (scripts hold full paths)."""
    with open(os.path.join(ROOT, LOCKS[kind]), "rb") as lock:
        text = lock.read() + repr((sys.version_info[:2], place())).encode()
    return kind + " " + hashlib.sha256(text).hexdigest()


def place():
    """The folder of the environment."""
    return os.path.join(ROOT, os.environ.get("VENV") or ".venv")


def stamped():
    """The fingerprint of the finished environment, or an empty text."""
    try:
        with open(os.path.join(place(), "finished")) as stamp:
            return stamp.read().strip()
    except OSError:
        return ""


def install(kind):
    """Install the lock with one changing line of progress; ends the program with pip's last words if it fails."""
    lock = os.path.join(ROOT, LOCKS[kind])
    with open(lock) as lines:
        total = sum("==" in line and not line.startswith((" ", "#")) for line in lines)
    command = [os.path.join(place(), "bin", "python"), "-m", "pip", "install", "--require-hashes", "-r", lock]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    words, seen = [], 0
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    for line in pip.stdout:
        words = (words + [line])[-15:]
        seen += line.startswith("Collecting ")
        if line.startswith(("Collecting ", "Installing ")):
            step = "unpacking" if line.startswith("Installing ") else f"fetching {seen} of {total}"
            sys.stdout.write(f"\r  {step:24}" if sys.stdout.isatty() else "" if seen % 20 else f"  {step}\n")
            sys.stdout.flush()
    if pip.wait():
        sys.exit("\nThe Python packages could not be installed; pip says:\n" + "".join(words))
    sys.stdout.write("\r" if sys.stdout.isatty() else "")


def make(kind):
    """Bring the environment up to date; one for the tests serves the demo as well. The load tool has one of its own (VENV)."""
    good = [fingerprint(known) for known in ({"demo": ("demo", "test")}.get(kind, (kind,)))]
    if stamped() in good:
        return
    add = kind == "test" and stamped() == fingerprint("demo")
    print(f"Making the Python environment in {os.path.relpath(place(), ROOT)} (one to three minutes)", flush=True)
    if add:
        os.remove(os.path.join(place(), "finished"))
    else:
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", place()])
    install(kind)
    with open(os.path.join(place(), "finished"), "w") as stamp:
        stamp.write(fingerprint(kind) + "\n")
    print("The Python environment is ready.     ", flush=True)


def main():
    """Check the machine, then make the environment, one run at a time."""
    kind = sys.argv[1] if len(sys.argv) == 2 else ""
    if kind not in LOCKS:
        sys.exit(__doc__)
    lacks = missing()
    if lacks:
        sys.exit("This machine lacks:\n" + "\n".join("  - " + line for line in lacks))
    os.makedirs(os.path.join(ROOT, ".cache"), exist_ok=True)
    with open(os.path.join(ROOT, ".cache", "environment.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make(kind)


if __name__ == "__main__":
    main()
