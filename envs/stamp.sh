#!/usr/bin/env bash
# Write into the recipes of environments which lock they are for: a recipe that changes is built anew.
#
#   envs/stamp.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

digest=$(cat requirements.lock requirements.cuda.lock | sha256sum | cut -d ' ' -f 1)
sed -i "s/^\(.*requirements.lock: sha256 \).*/\1$digest/" treeline.yaml treeline.def
