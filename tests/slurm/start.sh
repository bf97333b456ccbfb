#!/usr/bin/env bash
# Install and start a real Slurm with two nodes on this machine, without systemd. Idempotent; root, Debian.
#
#   TREELINE_SLURM   folder of its state, logs and pid files; default: treeline-slurm in the system's temporary folder
#   ACCOUNTING=1     with slurmdbd and MariaDB, so that sacct answers
set -euo pipefail
state=${TREELINE_SLURM:-${TMPDIR:-/tmp}/treeline-slurm}
accounting=${ACCOUNTING:-0}
nodes=2
host=$(hostname --short)

is_running() { # PID_FILE
    [[ -e $1 ]] && kill -0 "$(cat "$1")" 2>/dev/null
}

wait_for() { # COMMAND...
    for _ in $(seq 150); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "failed: $*" >&2
    exit 1
}

install_packages() {
    local programs=(slurmctld slurmd sbatch munged) packages=(slurmctld slurmd slurm-client munge)
    if [[ $accounting == 1 ]]; then
        programs+=(slurmdbd mariadbd)
        packages+=(slurmdbd mariadb-server)
    fi
    which "${programs[@]}" >/dev/null && return
    apt-get update --quiet=2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --no-install-recommends --yes "${packages[@]}" >"$state/apt.log"
}

# More CPUs than there are: jobs of these tests wait more than they calculate. OverMemoryKill polls every 2 seconds, as
# control groups, which real clusters limit memory with, need a system's own.
write_configuration() {
    cat >/etc/slurm/slurm.conf <<CONFIGURATION
ClusterName=treeline
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/spool/%n
SlurmctldPidFile=$state/run/slurmctld.pid
SlurmdPidFile=$state/run/slurmd.%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=pmi2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=5
EnforcePartLimits=ALL
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/$([[ $accounting == 1 ]] && echo slurmdbd || echo none)
AccountingStorageHost=localhost
ReturnToService=2
MinJobAge=3600
KillWait=5
OverTimeLimit=0
DefMemPerCPU=500
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-$((17000 + nodes))] CPUs=8 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes=n1 MaxTime=10 State=UP
CONFIGURATION
}

start_accounting() {
    install --mode 600 /dev/null /etc/slurm/slurmdbd.conf
    cat >/etc/slurm/slurmdbd.conf <<CONFIGURATION
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
PidFile=$state/run/slurmdbd.pid
LogFile=$state/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=treeline_slurm
CONFIGURATION
    install --directory --owner mysql --group mysql /run/mysqld
    if ! is_running "$state/run/mariadbd.pid"; then
        setsid mariadbd --user=mysql --skip-networking --pid-file="$state/run/mariadbd.pid" \
            >"$state/log/mariadbd.log" 2>&1 </dev/null &
    fi
    wait_for mariadb --execute 'create database if not exists treeline_slurm'
    is_running "$state/run/slurmdbd.pid" || slurmdbd
    wait_for bash -c '</dev/tcp/127.0.0.1/6819'
}

if [[ -e /etc/slurm/slurm.conf ]] && ! grep --quiet '^ClusterName=treeline$' /etc/slurm/slurm.conf; then
    echo "/etc/slurm/slurm.conf is of another cluster: these tests need a machine without one" >&2
    exit 1
fi
mkdir -p "$state"/{controller,log,run} /etc/slurm
for node in $(seq $nodes); do mkdir -p "$state/spool/n$node"; done
chmod 777 "$state/run" # MariaDB writes its pid file as a user of its own
install_packages
write_configuration
install --directory --owner munge --group munge /run/munge
is_running /run/munge/munged.pid || setpriv --reuid munge --regid munge --clear-groups munged
[[ $accounting == 1 ]] && start_accounting
# A new cluster counts its jobs from 1. What another's killed ranks have left in memory under a job's number would be taken
# for that job's own, and its ranks would wait for ever: treeline/mpi.py.
is_running "$state/run/slurmctld.pid" || { rm -f /dev/shm/mpich_*; slurmctld; }
wait_for scontrol ping
for node in $(seq $nodes); do
    is_running "$state/run/slurmd.n$node.pid" || slurmd -N "n$node"
done
wait_for timeout 10 srun --nodes=$nodes --ntasks=$nodes true
sinfo --format='%P %D nodes, %c CPUs, %m MiB, %t: %N'
