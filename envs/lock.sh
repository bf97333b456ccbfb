#!/usr/bin/env bash
# Resolve requirements.in in a fresh environment, and write what it came to into requirements.lock and its digest into
# the recipes of environments.
#
#   envs/lock.sh PYTHON
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=.venv-lock
trap 'rm -rf "$scratch"' EXIT
"$1" -m venv --clear "$scratch"
envs/install.sh "$scratch/bin/python" envs/requirements.in

{
    echo "# Every package of the environment, exactly. Written by \`make lock\` from requirements.in; do not edit."
    # A local version, such as torch's +cpu, names a build that other registries do not have.
    "$scratch/bin/python" -m pip freeze --all --exclude pip | sed 's/+.*$//'
} >"$scratch/requirements.lock"
mv "$scratch/requirements.lock" envs/requirements.lock
envs/stamp.sh
