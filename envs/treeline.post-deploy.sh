#!/usr/bin/env bash
# Snakemake runs this in the activated environment, with the clone as its working directory.
set -euo pipefail
envs/install.sh "$CONDA_PREFIX/bin/python"
"$CONDA_PREFIX/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable .
