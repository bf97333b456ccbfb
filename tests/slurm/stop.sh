#!/usr/bin/env bash
# Stop all that start.sh started, by their pid files, and remove its state.
set -euo pipefail
state=${TREELINE_SLURM:-${TMPDIR:-/tmp}/treeline-slurm}

timeout 10 scancel --user=root 2>/dev/null || true
for name in slurmd.n1 slurmd.n2 slurmctld slurmdbd mariadbd; do
    file=$state/run/$name.pid
    [[ -e $file ]] || continue
    process=$(cat "$file")
    kill "$process" 2>/dev/null || continue
    for _ in $(seq 150); do
        kill -0 "$process" 2>/dev/null || continue 2
        sleep 0.1
    done
    echo "$name (process $process) does not end" >&2
    exit 1
done
[[ -e /run/munge/munged.pid ]] && kill "$(cat /run/munge/munged.pid)" 2>/dev/null || true
rm -rf "$state"
