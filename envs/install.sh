#!/usr/bin/env bash
# Install a requirements file into the environment of a Python interpreter.
#
#   envs/install.sh PYTHON [REQUIREMENTS]      default: the lock beside this script
#
# One script for `make setup`, `make lock`, conda and the container, because three packages need help on the way:
# build_shim/ and a line below say what ails ultralytics-yolov5, torchvision_cpu/ what ails torchvision, and
# keep_slurm_jobs.py what ails Snakemake's Slurm plugin.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=$1
requirements=${2:-$here/requirements.lock}

pinned() {
    grep --only-matching --extended-regexp "^$1==[^ ]+" "$requirements"
}

install() {
    "$python" -m pip install --quiet --disable-pip-version-check --use-pep517 "$@"
}

echo "Installing $requirements"
install "$(pinned setuptools)"
# Without isolation: pip hides PYTHONPATH from isolated builds, and newer setuptools lack the pkg_resources it needs.
PYTHONPATH="$here/build_shim" install --no-deps --no-build-isolation "$(pinned ultralytics-yolov5)"
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# It takes no protobuf that onnx takes. Only its own exporters import protobuf, and nothing here calls them.
sed -i '/^Requires-Dist: protobuf/d' "$packages"/ultralytics_yolov5-*.dist-info/METADATA
install --requirement "$requirements"
cp "$here"/torchvision_cpu/torchvision_cpu.{py,pth} "$packages"
"$python" "$here/keep_slurm_jobs.py" "$packages"
"$python" -m pip check
