#!/usr/bin/env bash
# Resolve requirements.in in a fresh environment, and write what it came to, with the hashes of all its files, into
# requirements.lock, what a CUDA build of torch needs besides into requirements.cuda.lock, and a digest of both into the
# recipes of environments.
#
#   envs/lock.sh PYTHON [PACKAGE ...]      the packages that may change their version in the lock; all: every one
#
# Others keep it, but for those whose version requirements.in gives.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=$1
released=("${@:2}")
lock=envs/requirements.lock
scratch=.venv-lock
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv --clear "$scratch"
python=$scratch/bin/python

normalized() {
    tr 'A-Z_.' 'a-z--'
}

{
    printf '%s\n' "${released[@]}"
    sed --quiet --regexp-extended 's/^([A-Za-z0-9._-]+)(\[.*\])?==.*/\1/p' envs/requirements.in
} | normalized | sed '/^$/d; s/.*/^&==/' >"$scratch/released.txt"
if [[ ${released[*]} == all ]]; then
    rm -f envs/requirements.cuda.lock
    echo . >>"$scratch/released.txt"
fi
grep --only-matching '^[a-z0-9-]*==[^ ]*' "$lock" | grep --invert-match --file "$scratch/released.txt" \
    >"$scratch/kept.txt" || true
envs/install.sh "$python" envs/requirements.in --constraint "$scratch/kept.txt"

# A local version, such as torch's +cpu, names a build that other registries do not have.
"$python" -m pip freeze --all --exclude pip >"$scratch/frozen.txt"
torch=$(grep '^torch==' "$scratch/frozen.txt")
if [[ $torch != *+cpu ]]; then
    echo "$torch is no CPU build, whose hash the lock needs beside the registry's: lock where pip finds one." >&2
    exit 1
fi
sed --in-place 's/+.*$//' "$scratch/frozen.txt"

compile() {
    "$scratch/bin/uv" pip compile --quiet --generate-hashes --no-annotate --custom-compile-command 'make lock' \
        --python "$python" "$@" >"$scratch/compiled.txt"
}

compile --no-deps --output-file "$lock" "$scratch/frozen.txt"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --dest "$scratch/torch" "${torch%+*}"
cpu_build=$(sha256sum "$scratch"/torch/*.whl | cut --delimiter ' ' --fields 1)
if ! grep --quiet "$cpu_build" "$lock"; then
    sed --in-place "/^torch==/a\\    --hash=sha256:$cpu_build \\\\" "$lock"
fi

mapfile -t everything < <(sed 's/==.*//; s/^/--no-emit-package=/' "$scratch/frozen.txt")
compile --constraint "$scratch/frozen.txt" "${everything[@]}" --output-file envs/requirements.cuda.lock - <<<"${torch%+*}"
envs/stamp.sh
