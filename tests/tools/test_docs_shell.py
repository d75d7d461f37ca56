"""test_docs_shell.py FANOUT SCRATCH: the shell commands on README.md and the pages of docs/ run.

A block of `sh` is a script; of `console`, the lines that begin with `$ ` are. The blocks of a page run one after the other in
one directory, and each has to end with 0. Servers they name are the embedded origin; lists and computations are shorter
than on the page. A block that cannot run here has the reason on the line before it: <!-- not run: REASON -->.
"""
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
tool, scratch = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
fence = re.compile(r"^(?:<!-- not run: (?P<why>.*?) -->\n\n?)?```(?P<kind>sh|console)\n(?P<text>.*?)^```$",
                   re.MULTILINE | re.DOTALL)
# Little work under two shapes, and no browser. What the page asks for is there for its form only.
wrapper = """#!/bin/bash
[[ ${{1:-}} == compare ]] || exec {tool} "$@"
arguments=()
while [[ $# -gt 0 && $1 != -- ]]; do
  case $1 in
    --open) ;;
    --shapes | --tasks | --work) shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done
all=" ${{arguments[*]}} "
arguments+=(--rounds 1 --shapes sync,threads:2)
[[ $# -gt 0 || $all == *" urls "* ]] || arguments+=(--tasks 2)
[[ $# -gt 0 || $all == *" urls "* || $all == *" io "* || $all == *" mixed "* ]] || arguments+=(--work 2ms)
[[ $# -gt 0 || $all == *" urls "* || $all == *" cpu "* ]] || arguments+=(--latency 2ms)
exec {tool} "${{arguments[@]}}" "$@"
"""


def blocks(page):
    text = page.read_text()
    for found in fence.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        script = found["text"]
        if found["kind"] == "console":
            script = "".join(each[2:] + "\n" for each in script.splitlines() if each.startswith("$ "))
        yield line, script, found["why"]


def made_short(script, port):
    origin = f"127.0.0.1:{port}"
    script = script.replace("127.0.0.1:8080", origin).replace("localhost:8080", origin)
    script = script.replace("https://example.org/", f"http://{origin}/echo?")
    return script.replace("seq 200", "seq 20").replace("/delay/70", "/delay/2")


def prepare(directory, port):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    urls = "".join(f"http://127.0.0.1:{port}/bytes/{each}\n" for each in (9, 8))
    (directory / "urls.txt").write_text(urls)
    (directory / "urls.gz").write_bytes(gzip.compress(urls.encode()))
    (directory / "inputs.txt").write_text("1\n2\n")
    for name, text in (("program", "#!/bin/sh\nexit 0\n"), ("bin/fanout", wrapper.format(tool=tool))):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)


def run(script, directory):
    environment = dict(os.environ, PATH=f"{directory}/bin:{os.environ['PATH']}")
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=directory, env=environment, text=True, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def main():
    origin = subprocess.Popen([tool, "serve", "--port", "0", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    port = origin.stdout.readline().strip().rpartition(":")[2]
    wrong, done, left_out = [], 0, []
    for page in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if "notes" in page.parts:
            continue  # records of what was measured on their day
        directory = scratch / re.sub(r"\W", "-", str(page.relative_to(root)))
        for number, (line, script, why) in enumerate(blocks(page)):
            if number == 0:
                prepare(directory, port)
            if why:
                left_out.append(f"{page.relative_to(root)}:{line}: {why}")
                continue
            result = run(made_short(script, port), directory)
            done += 1
            if result.returncode:
                wrong.append(f"{page.relative_to(root)}:{line}: ended with {result.returncode}:\n{script}{result.stdout}")
    origin.stdin.close()
    origin.wait()
    print("\n".join([*wrong, *(f"not run: {each}" for each in left_out), f"{done} blocks run"]))
    return not wrong and done >= 14 and len(left_out) <= 6


sys.exit(0 if main() else 1)
