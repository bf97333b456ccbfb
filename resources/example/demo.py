"""Run the whole pipeline on the example servers: what `make demo` does.

Starts the servers, runs Snakemake with `profiles/local` and `config/config.yaml`, stops the servers, and shows what
came of it. Where nothing is left to do it says so and starts nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
SNAKEMAKE = ("snakemake", "--profile", "profiles/local")
SERVERS = (
    *(sys.executable, "-m", "resources.example.servers", "--while-stdin-is-open"),
    *("--images", ".demo/images", "--logs", ".demo/logs"),
)
NOTHING_TO_DO = "Nothing to be done"
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM

BIN = Path(sys.executable).parent
ENVIRONMENT = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def main() -> int:
    """Run the demo.

    Returns:
        Snakemake's exit status, or that of servers that could not start.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if is_done():
        print("Nothing to do: the demo's results are complete. `make clean` removes them.")
        return 0
    try:
        with example_servers():
            status = run(*SNAKEMAKE)
    except subprocess.CalledProcessError as error:  # the servers have said why
        return error.returncode
    except KeyboardInterrupt:
        return INTERRUPTED
    run("treeline", "status")
    print("All of it on one page: results/reports/index.html   What to expect: resources/example/README.md")
    print("Results: results/   The servers' logs: .demo/logs/")
    return status


def is_done() -> bool:
    """Whether Snakemake finds every result there and up to date."""
    plan = subprocess.run([*SNAKEMAKE, "--dry-run"], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    return plan.returncode == 0 and NOTHING_TO_DO in plan.stdout + plan.stderr


def run(*command: str) -> int:
    """Run a command of this environment in the repository, its output ours, and let it end in its own time."""
    with subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command had it, too, and puts its things in order
            return process.wait()
        except SystemExit:
            process.terminate()
            raise


@contextmanager
def example_servers() -> Iterator[None]:
    """Have the example servers answer while the block runs, and not longer, whatever ends it.

    Raises:
        CalledProcessError: They did not start.
    """
    print("Starting the example servers; the first time, they draw 320 photos.", flush=True)
    # In a session of their own Ctrl-C does not reach them: the downloads under way would take that for dead servers.
    with subprocess.Popen(
        SERVERS, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as servers:
        try:
            if not servers.stdout or not servers.stdout.readline():
                raise subprocess.CalledProcessError(servers.wait(), SERVERS)
            yield
        finally:
            servers.terminate()


if __name__ == "__main__":
    sys.exit(main())
