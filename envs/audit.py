"""Ask whether vulnerabilities of the locked packages are known: `make audit`.

Usage: python audit.py LOCK [LOCK ...]

pip-audit asks a database about each package, by default OSV's, else that of PIP_AUDIT_VULNERABILITY_SERVICE. Where the
database does not know a package, or not at all answers, pip-audit itself may end as if nothing had been found.

Exit status: 0, none is known; 1, some are, which are printed; 2, that could not be asked of all packages.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

VULNERABLE, UNKNOWN = 1, 2


def main(locks: Iterable[str]) -> int:
    """Audit requirements files with hashes, and print what came of it.

    Returns:
        The exit status.
    """
    os.environ.setdefault("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    requirements = [f"--requirement={lock}" for lock in locks]
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format=json", *requirements]
    audit = subprocess.run([*command, "--progress-spinner=off"], capture_output=True, text=True, check=False)
    try:
        packages = json.loads(audit.stdout)["dependencies"]
    except ValueError:
        print(f"NOT AUDITED. pip-audit says: {audit.stderr.strip().rpartition(chr(10))[2]}", file=sys.stderr)
        return UNKNOWN
    found = list(_vulnerabilities(packages))
    print(*found, sep="\n", end="\n" if found else "")
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    audited = len(packages) - len(skipped)
    print(f"{audited} of {len(packages)} packages audited, {len(found)} known vulnerabilities")
    if skipped:
        print(f"NOT AUDITED: {len(skipped)} packages. The first: {skipped[0]}", file=sys.stderr)
    if found:
        return VULNERABLE
    return UNKNOWN if skipped else 0


def _vulnerabilities(packages: Iterable[dict[str, Any]]) -> Iterator[str]:
    for package in packages:
        for one in package.get("vulns", ()):
            cure = ", ".join(one["fix_versions"]) or "no version"
            yield f"{package['name']}=={package['version']}: {one['id']}, fixed in {cure}. {one['description']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
