#include "cli/job/job_script.hpp"

#include "cli/text/shell_quoted.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace fanout::cli {
namespace {

/// One word of a shell.
std::string word(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
  if (text.find('\0') != text.npos) throw std::invalid_argument("an argument with a zero byte");
  if (!text.empty() && text.find_first_not_of(plain) == text.npos) return text;
  return shell_quoted(text);
}

std::string words(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& each : texts) line.append(line.empty() ? "" : " ").append(word(each));
  return line;
}

/// The value of a line that Slurm reads as a comment of the script. It has no way to write all characters.
std::string directive(const char* option, const std::string& value) {
  if (std::any_of(value.begin(), value.end(),
                  [](unsigned char each) { return each < ' ' || each == '\'' || each == '"' || each == '\\'; }))
    throw std::invalid_argument(fmt::format("'{}' cannot stand in a line of #SBATCH", value));
  return fmt::format("#SBATCH --{}='{}'\n", option, value);
}

/// Any text, as YAML takes it: JSON is YAML.
std::string yaml(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

/// A word of a container's command, where Kubernetes puts the values of variables: $(NAME) is one, and $$(NAME) is not.
std::string container_word(const std::string& text) {
  std::string safe;
  for (std::size_t at = 0; at < text.size(); ++at) safe += text[at] == '$' ? "$$" : std::string(1, text[at]);
  return yaml(safe);
}

}  // namespace

std::string slurm_script(const script_options& of, const slurm_options& how) {
  std::string text = fmt::format(
      "#!/bin/bash\n"
      "# Fetches {} shards as arrays of Slurm. Made by: fanout job script slurm\n"
      "#   bash THIS-FILE    submits what is missing, and a job that follows: it submits again what is missing then,\n"
      "#                     and joins the shards when all are there. It can be run at any time.\n",
      of.shards);
  text += directive("job-name", of.name);
  text += fmt::format("#SBATCH --ntasks=1\n#SBATCH --cpus-per-task={}\n", of.cores);
  if (!of.memory.empty()) text += directive("mem", of.memory);
  if (!how.time.empty()) text += directive("time", how.time);
  if (!how.partition.empty()) text += directive("partition", how.partition);
  // With 'B:' the script itself has the signal, which by then is fanout.
  text += fmt::format("#SBATCH --signal=B:TERM@{}\n", how.warning);
  text += "#SBATCH --requeue\n#SBATCH --open-mode=append\n";
  text += directive("output", of.directory + "/slurm-%A-%a.log");
  text += fmt::format(
      R"sh(set -u
program={} directory={} shards={} limit={} rounds={}
fetch=({})

if [[ ${{FANOUT_JOB_PART:-}} == shard ]]; then
  # Exit status 75 means that it goes on when it is run again: by Slurm, where the site has RequeueExit=75, or else by
  # the next array.
  exec "$program" job shard --into "$directory" --shards "$shards" --suffix {} -- "${{fetch[@]}}"
fi

script=${{FANOUT_JOB_SCRIPT:-$(realpath "$0")}} round=$((${{FANOUT_JOB_ROUND:-0}} + 1))
mkdir -p "$directory" || exit
missing=$("$program" job gather --into "$directory" --shards "$shards" --suffix {} --array-limit "$limit")
status=$?
[[ $status -eq 75 ]] || exit "$status"
if [[ $round -gt $rounds ]]; then
  echo "After $rounds rounds there are still shards missing: $missing" >&2
  exit 1
fi
arrays=
while read -r first list; do
  id=$(FANOUT_JOB_PART=shard FANOUT_FIRST_SHARD=$first \
    sbatch --parsable --export=ALL --array="$list{}" "$script") || exit
  arrays+=:${{id%%;*}}
done <<<"$missing"
id=$(FANOUT_JOB_PART=gather FANOUT_JOB_ROUND=$round FANOUT_JOB_SCRIPT=$script \
  sbatch --parsable --export=ALL --dependency="afterany$arrays" --output="$directory/slurm-%j.log" "$script") || exit
echo "Round $round: arrays ${{arrays#:}}, followed by ${{id%%;*}}"
)sh",
      word(of.program), word(of.directory), of.shards, how.array_limit, how.rounds, words(of.fetch_arguments),
      word(of.suffix), word(of.suffix), of.at_once == 0 ? "" : fmt::format("%{}", of.at_once));
  return text;
}

std::string kubernetes_manifest(const script_options& of, const kubernetes_options& how) {
  const auto label = [](char each) { return (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9'); };
  if (of.name.empty() || of.name.size() > 50 || !label(of.name.front()) || !label(of.name.back()) ||
      !std::all_of(of.name.begin(), of.name.end(), [&](char each) { return label(each) || each == '-'; }))
    throw std::invalid_argument(fmt::format(
        "'{}' is not a name of Kubernetes: use a to z, 0 to 9 and - between them, at most 50 of them", of.name));
  std::vector<std::string> command{
      of.program, "job",     "shard", "--into", of.directory, "--shards", std::to_string(of.shards),
      "--suffix", of.suffix, "--"};
  command.insert(command.end(), of.fetch_arguments.begin(), of.fetch_arguments.end());
  std::string arguments;
  for (const std::string& each : command) arguments += fmt::format("            - {}\n", container_word(each));
  std::string needs = fmt::format("              cpu: \"{}\"\n", of.cores);
  if (!of.memory.empty()) needs += fmt::format("              memory: {}\n", yaml(of.memory));
  return fmt::format(
      R"yaml(# Fetches {shards} shards as an Indexed Job. Made by: fanout job script kubernetes
#   kubectl apply -f THIS-FILE
# When the job is complete, where the volume is mounted:
#   {gather}
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completionMode: Indexed  # each index is a shard, in JOB_COMPLETION_INDEX
  completions: {shards}
  parallelism: {parallelism}
  backoffLimitPerIndex: {retries}  # Kubernetes 1.29 and later
  podFailurePolicy:
    rules:
      - action: Ignore  # it was told to end, and goes on when it is run again
        onExitCodes:
          containerName: fanout
          operator: In
          values: [75]
      - action: FailJob  # wrong options: no other index would do better
        onExitCodes:
          containerName: fanout
          operator: In
          values: [2]
      - action: Ignore  # the node was drained, or the pod had to make room
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    spec:
      restartPolicy: Never  # as podFailurePolicy needs it
      terminationGracePeriodSeconds: {warning}
      containers:
        - name: fanout
          image: {image}
          command:
{arguments}          resources:
            requests:
{needs}          volumeMounts:
            - name: shards
              mountPath: {directory}
      volumes:
        - name: shards
          persistentVolumeClaim:
            claimName: {claim}
)yaml",
      fmt::arg("shards", of.shards),
      fmt::arg("gather", words({of.program, "job", "gather", "--into", of.directory, "--shards",
                                std::to_string(of.shards), "--suffix", of.suffix})),
      fmt::arg("name", yaml(of.name)),
      fmt::arg("parallelism", of.at_once == 0 ? of.shards : std::min(of.at_once, of.shards)),
      fmt::arg("retries", how.retries), fmt::arg("warning", how.warning), fmt::arg("image", yaml(how.image)),
      fmt::arg("arguments", arguments), fmt::arg("needs", needs), fmt::arg("directory", yaml(of.directory)),
      fmt::arg("claim", yaml(how.claim)));
}

}  // namespace fanout::cli
