"""`assay ui` with services that do nothing: for tests of how it begins and ends. Run as `ui HOME PORT`, or as its supervisor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assay.web import serve, supervise

# a service with a child that has left its session, and whose parent has ended; neither heeds SIGTERM
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
SERVICE = f"""
import subprocess, sys, time
orphan = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True)"
subprocess.run([sys.executable, "-c", orphan], check=True)
{STUBBORN}
"""


class IdleServices(supervise.Services):
    """Two services that only wait."""

    def start_first(self) -> None:
        for name in ("code-server", "web-server"):
            self.start(name, ["-c", SERVICE])


def start_idle(plan: supervise.Plan) -> subprocess.Popen[bytes]:
    keep = (plan.listening, plan.lifeline, plan.lock)
    command = [sys.executable, __file__, *plan.write()]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, pass_fds=keep, start_new_session=True
    )


if __name__ == "__main__":
    supervise.ORDERLY_S = serve.ORDERLY_S = 0.6  # these services do not end when they are asked to
    if sys.argv[1] == "ui":
        serve._start, serve.prepare = start_idle, lambda home: None
        try:
            sys.exit(serve.serve(Path(sys.argv[2]), int(sys.argv[3])))
        except serve.ConfigurationError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
    supervise.Services = IdleServices  # type: ignore[misc]  # the test's own
    supervise.main()
