#!/usr/bin/env bash
# slurm.sh TOOL [SHARDS] [SECONDS]: the script of `fanout job script slurm` under a real Slurm: one slurmctld and three slurmd
# with an address each, in namespaces of its own with loopback alone. While it runs, a process of a shard is killed every
# SECONDS; the joined output must be that of one `fanout fetch` over the whole list. Exits with 77 where it cannot run.
set -euo pipefail
if [[ ${1:-} != --inside ]]; then
  for program in slurmctld slurmd sbatch ip; do
    PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || {
      echo "skipped: there is no $program; Debian's packages slurmctld, slurmd and slurm-client have it, and start a service (munge)"
      exit 77
    }
  done
  # Slurm is run as root here, without munge; nothing of it may be seen from outside.
  if ! unshare --net --pid --fork --mount-proc true 2>/dev/null; then
    echo "skipped: namespaces cannot be made here (unshare --net --pid), and Slurm would listen on every address"
    exit 77
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  status=0
  unshare --net --pid --uts --mount --fork --kill-child --mount-proc "$0" --inside "$work" "$@" || status=$?
  exit "$status"
fi
work=$2 tool=$3 shards=${4:-12} every=${5:-2}
export PATH=$PATH:/usr/sbin
ip link set lo up
for address in 2 3 4; do ip addr add "127.0.0.$address/8" dev lo; done
hostname controller
printf '127.0.0.1 localhost controller\n127.0.0.2 n1\n127.0.0.3 n2\n127.0.0.4 n3\n' >"$work/hosts"
mount --bind "$work/hosts" /etc/hosts
mkdir -p "$work"/{state,spool-n1,spool-n2,spool-n3,jobs}
cat >"$work/slurm.conf" <<END
ClusterName=test
SlurmctldHost=controller(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CryptoType=crypto/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SchedulerParameters=sched_interval=1,sched_min_interval=0,defer_batch
MinJobAge=3600
KillWait=2
MaxArraySize=1001
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
SlurmctldPort=6817
NodeName=n1 NodeAddr=127.0.0.2 Port=7001 CPUs=1 RealMemory=100
NodeName=n2 NodeAddr=127.0.0.3 Port=7002 CPUs=1 RealMemory=100
NodeName=n3 NodeAddr=127.0.0.4 Port=7003 CPUs=1 RealMemory=100
PartitionName=all Nodes=n1,n2,n3 Default=YES MaxTime=INFINITE State=UP
END
export SLURM_CONF=$work/slurm.conf
fail() { printf '%s\n' "$@"; tail -n 15 "$work"/slurm*.log "$work"/jobs/pages/slurm*.log 2>/dev/null || true; exit 1; }
until_true() {  # what, command…: at most two minutes
  local what=$1 rounds
  shift
  for ((rounds = 0; rounds < 600; rounds++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.2
  done
  fail "$what did not happen"
}
slurmctld || fail "slurmctld does not start"
for node in n1 n2 n3; do slurmd -N "$node" || fail "slurmd of $node does not start"; done
three_idle() { [[ $(sinfo --noheader --Node --states=idle | wc -l) -eq 3 ]]; }
until_true "three idle nodes" three_idle

cd "$work/jobs"
mkfifo "$work/keep"
"$tool" serve --port 0 --until-eof --latency 100ms <"$work/keep" >"$work/origin" &
exec 9>"$work/keep"
until_true "an origin" grep -q listening "$work/origin"
base=$(awk '{ print $3 }' "$work/origin")
for ((shard = 0; shard < shards; shard++)); do
  for ((page = 0; page < 10; page++)); do echo "${base%/}/bytes/$((100 * shard + page + 1))"; done >"list-$shard.txt"
done
cat list-*.txt >whole.txt

"$tool" job script slurm --shards "$shards" --array-limit 25 --into "$PWD/pages" --program "$tool" --rounds 20 -- \
  -s async:1 -i "$PWD/list-{index}.txt" >fetch.sh
submitted=$(bash fetch.sh 2>&1) || fail "it was not submitted: $submitted"
killed=0
no_job_is_left() { [[ -z $(squeue --noheader) ]]; }
for ((rounds = 0; rounds < 1000; rounds++)); do
  if no_job_is_left; then break; fi
  victim=$(pgrep --full 'job shard --into' | shuf -n 1 || true)
  if [[ -n $victim ]] && kill -KILL "$victim" 2>/dev/null; then killed=$((killed + 1)); fi
  # On average SECONDS. Regular strikes keep time with the rounds of Slurm: all of them hit the last shard, or none hits any.
  sleep "$(awk -v every="$every" -v random="$RANDOM" 'BEGIN { print every * (0.5 + random / 32768) }')"
done
no_job_is_left || fail "jobs are left: $(squeue)"
[[ -f pages/all.jsonl ]] || fail "the shards were not joined" "$(cat pages/slurm-*.log | tail -n 20)"
[[ $killed -gt 0 ]] || fail "nothing was killed"

"$tool" fetch -i whole.txt -o one.jsonl 2>/dev/null
urls() { grep -o '"url":"[^"]*"' "$1" | sort; }
if ! cmp <(urls pages/all.jsonl) <(urls one.jsonl); then fail "the output is not that of one machine"; fi
[[ $(urls pages/all.jsonl | wc -l) -eq $((10 * shards)) ]] || fail "it is not all there"
exec 9>&-
echo "$shards shards on 3 nodes of Slurm, $killed killed, $(find pages -name "*.begun" | wc -l) attempts: the same records as one machine"
