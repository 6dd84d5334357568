#!/usr/bin/env bash
# A real Slurm of one node on the loopback, for tests: needs root and the Debian packages
# slurmctld, slurmd, slurm-client and munge.
#   scripts/slurm_node.sh run FOLDER COMMAND [ARG ...]   start it, run a command with it, stop it
# The command finds it by SLURM_CONF; logs and spool lie in FOLDER.
set -euo pipefail
[ "${1:-}" = run ] && [ $# -ge 3 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
for program in munged slurmctld slurmd sinfo; do
    command -v "$program" >/dev/null || PATH=$PATH:/usr/sbin:/sbin
    command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 3; }
done
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2
export PATH SLURM_CONF=$folder/slurm.conf
mkdir -p "$folder"/{state,spool,munge}
chmod 700 "$folder/munge"
host=$(hostname -s)
cpus=$(nproc)
cat >"$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=2
InactiveLimit=0
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
PartitionName=closed Nodes=$host MaxTime=INFINITE State=DOWN
CONF
child=
stop() {
    [ -z "$child" ] || kill "$child" 2>/dev/null || true
    timeout 2 scancel --user="$(id -un)" 2>/dev/null || true
    for pid in "$folder"/slurmd.pid "$folder"/slurmctld.pid "$folder"/munge/pid; do
        [ -s "$pid" ] && kill "$(cat "$pid")" 2>/dev/null || true
    done
}
trap stop EXIT
trap 'exit 143' TERM INT
dd if=/dev/urandom of="$folder/munge/key" bs=1 count=1024 status=none
chmod 400 "$folder/munge/key"
munged --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
slurmctld
slurmd
for _ in $(seq 60); do
    if sinfo -h -o %T 2>/dev/null | grep -q idle; then
        "$@" &  # waited for, so that a signal is heeded at once
        child=$!
        wait "$child"
        exit
    fi
    sleep 0.5
done
echo "the node does not become idle; see $folder/*.log" >&2
tail -n 5 "$folder"/*.log >&2
exit 4
