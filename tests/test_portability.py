"""On Windows and macOS everything can be imported: simulated here, as CI has neither."""

import subprocess
import sys

import pytest
from project_files import ROOT

MISSING = {
    "windows": {
        "modules": ("fcntl", "resource", "termios", "tty", "pty", "grp", "pwd", "syslog", "readline", "curses"),
        "signals": ("SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGTSTP", "SIGCONT"),
        "functions": ("fork", "getuid", "geteuid", "sched_getaffinity", "sysconf", "wait4", "killpg", "statvfs"),
    },
    "macos": {"modules": (), "signals": (), "functions": ("sched_getaffinity", "memfd_create", "posix_fadvise")},
}

# These come first: asyncio, psutil and filelock are other programs on each system, and those for this one need what the
# others lack.
IMPORT_EVERYTHING = """
import importlib, os, pkgutil, signal, sys
import asyncio, filelock, psutil

missing = {missing!r}
for name in missing["signals"]:
    delattr(signal, name)
for name in missing["functions"]:
    delattr(os, name)
for name in missing["modules"]:
    sys.modules[name] = None

import jaxcnn, launch
assert callable(jaxcnn.fit) and callable(jaxcnn.evaluate)
for module in pkgutil.walk_packages(jaxcnn.__path__, "jaxcnn."):
    importlib.import_module(module.name)
assert "jaxcnn.runs.fit" in sys.modules
for name in jaxcnn.names():
    jaxcnn.load(name)
"""


@pytest.mark.parametrize("system", MISSING)
def test_everything_imports_without_what_the_system_lacks(system):
    command = [sys.executable, "-W", "error", "-c", IMPORT_EVERYTHING.format(missing=MISSING[system])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
