#!/usr/bin/env bash
# run.sh MPIRUN PROGRAM [ARGUMENT...]: PROGRAM as four ranks, in namespaces of its own with loopback alone: no address of
# this machine is listened on, and what is left ends with it. Exits with 77 where it cannot have them.
set -euo pipefail
if [[ ${1:-} != --inside ]]; then
  if ! unshare --net --pid --fork --mount-proc true 2>/dev/null; then
    echo "skipped: namespaces cannot be made here (unshare --net --pid), and MPI would listen on every address"
    exit 77
  fi
  exec unshare --net --pid --fork --kill-child --mount-proc "$0" --inside "$@"
fi
shift
mpirun=$1 program=$2
shift 2
ip link set lo up
# Ranks share cores, and mpirun refuses root and too many ranks unless it is told.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl=self,vader OMPI_MCA_hwloc_base_binding_policy=none
# mpirun and the ranks name their files by its process number, which is the same in each of the namespaces.
mount -t tmpfs tmpfs /dev/shm
OMPI_MCA_orte_tmpdir_base=$(mktemp -d)
export OMPI_MCA_orte_tmpdir_base
trap 'rm -rf "$OMPI_MCA_orte_tmpdir_base"' EXIT
start=("$mpirun" -n 4 "$program")
if [[ ${1:-} != --lose-a-rank ]]; then
  status=0
  "${start[@]}" "$@" || status=$?
  exit "$status"
fi
# MPI's rule: the job ends. Nobody is left to wait for it, and the run does not go through.
status=0
said=$("${start[@]}" "$@" 2>&1) || status=$?
if [[ $status -eq 0 || $said == *"went through"* ]]; then
  printf 'a job that lost a rank ended with %s:\n%s\n' "$status" "$said"
  exit 1
fi
left=$(pgrep --exact --count "$(basename "$program" | cut -c1-15)" || true)
[[ $left -eq 0 ]] || { echo "$left ranks are left"; exit 1; }
