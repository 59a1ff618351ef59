"""Keeps a child process only as long as its own parent lives: ``python -m scripts.kafka_supervisor OPTIONS -- COMMAND``.

The parent holds the other end of our standard input and nothing else does. When it closes, or when our parent
process is no longer the one that started us, the command's whole process group is ended: this also holds when the
parent was killed with SIGKILL, on Linux and on macOS. We run in a session of our own, so that a signal to the
parent's group does not take us with it; on Linux the command is also killed by the kernel should we be killed.
"""

import argparse
import contextlib
import os
import pathlib
import platform
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

POLL_S = 0.2
# Asks Linux to kill the process when the one that started it is gone (prctl PR_SET_PDEATHSIG = 1, SIGKILL = 9).
_DIE_WITH_PARENT = "import ctypes,os,sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"


def _command(arguments: Sequence[str]) -> list[str]:
    if platform.system() == "Linux":
        return [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, *arguments]
    return list(arguments)


def _parent_holds_on(parent: int) -> bool:
    """Wait a moment; False once the parent closed our standard input or is gone."""
    readable, _, _ = select.select([sys.stdin], [], [], POLL_S)
    if readable and not os.read(sys.stdin.fileno(), 1):
        return False
    return os.getppid() == parent


def _stay(_signal: int, _frame: object) -> None:
    """Only the parent's end is ours."""


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """End the process group: kindly for ``grace_s`` seconds, then by force."""
    if grace_s > 0:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def supervise(command: Sequence[str], *, log: pathlib.Path, grace_s: float, remove: pathlib.Path | None) -> int:
    """Run the command until it ends or the parent does; returns its exit status."""
    parent = os.getppid()
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, _stay)  # not SIG_IGN: the command would inherit that, and ignore SIGTERM as well
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                _command(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        print(child.pid, flush=True)
        while child.poll() is None and _parent_holds_on(parent):
            pass
        _end(child, grace_s)
        return child.returncode
    finally:
        if remove is not None:
            shutil.rmtree(remove, ignore_errors=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options and supervise."""
    parser = argparse.ArgumentParser(description="Keep a child process only as long as the parent lives.")
    parser.add_argument("--log", type=pathlib.Path, required=True, help="file that gets what the command prints")
    parser.add_argument("--grace", type=float, default=0.0, help="seconds between SIGTERM and SIGKILL; 0: SIGKILL")
    parser.add_argument("--remove", type=pathlib.Path, help="folder to remove at the end")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    status = supervise(options.command, log=options.log, grace_s=options.grace, remove=options.remove)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
