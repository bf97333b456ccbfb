#!/usr/bin/env bash
# Install a requirements file into the environment of a Python interpreter.
#
#   envs/install.sh PYTHON                                default: the lock beside this script, and nothing else
#   envs/install.sh PYTHON REQUIREMENTS [PIP OPTION ...]
#
# One script for `make setup`, `make lock`, conda and the container, because three packages need help on the way:
# build_shim/ and a line below say what ails ultralytics-yolov5, torchvision_cpu/ what ails torchvision, and
# keep_slurm_jobs.py what ails Snakemake's Slurm plugin.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if (($# == 1)); then
    set -- "$1" "$here/requirements.lock" --no-deps --no-build-isolation
fi
python=$1
requirements=$2
options=("${@:3}")

# Once a requirement has hashes, as all of the lock have, pip asks for one of every file. Those four packages that come as
# source are built with the lock's setuptools: whatever pip would fetch for it has no hash.
install() {
    "$python" -m pip install --quiet --disable-pip-version-check --use-pep517 "$@"
}

# A package's requirement alone, with the lines of its hashes.
requirement_of() {
    awk -v start="$1==" 'index($0, start) == 1 { found = 1 } found { print } found && !/\\$/ { exit }' "$requirements"
}

echo "Installing $requirements"
install --requirement <(requirement_of setuptools)
# Without isolation: pip hides PYTHONPATH from isolated builds, and newer setuptools lack the pkg_resources it needs.
PYTHONPATH="$here/build_shim" install --no-deps --no-build-isolation --requirement <(requirement_of ultralytics-yolov5)
packages=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# It takes no protobuf that onnx takes. Only its own exporters import protobuf, and nothing here calls them.
sed -i '/^Requires-Dist: protobuf/d' "$packages"/ultralytics_yolov5-*.dist-info/METADATA
# torch has a build for the CPU and one for the GPU. Asked for hashes, pip prefers the one whose hash its registry tells
# before the download, which is not always the machine's: so it is first fetched without, and then installed with.
wheels=$(mktemp --directory)
trap 'rm -rf "$wheels"' EXIT
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$wheels" \
    "$(requirement_of torch | grep --only-matching '^[^ ]*')"
install --no-deps --no-index --find-links "$wheels" --requirement <(requirement_of torch)
install "${options[@]}" --requirement "$requirements"
# What the build for the GPU needs besides.
if [[ $("$python" -m pip show torch) == *Requires:*cuda* ]]; then
    install --no-deps --requirement "$here/requirements.cuda.lock"
fi
cp "$here"/torchvision_cpu/torchvision_cpu.{py,pth} "$packages"
"$python" "$here/keep_slurm_jobs.py" "$packages"
"$python" -m pip check
