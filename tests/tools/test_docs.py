"""test_docs.py COMPILER SCRATCH: the C++ on README.md and the pages of docs/ compiles as it stands, and is run.

Each block compiles as a translation unit of its own. What it has after includes, using, aliases and declarations stands,
line for line, in a program of examples/, and those are compiled and run by tests of their own.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent.parent
compiler, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
flags = ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-DBOOST_JSON_NO_LIB", "-DBOOST_CONTAINER_NO_LIB"]
fence = re.compile(r"^```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)
preamble = re.compile(r"^(#include .*|using .*;|namespace \w+ = [\w:]+;|(?!return\b)[\w:<>,&* ]+ \w+\([^{}]*\);(?: *//.*)?|)$")


def blocks():
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    for page in pages:
        if "notes" in page.parts:
            continue  # records of what was measured on their day
        text = page.read_text()
        for found in fence.finditer(text):
            line = text.count("\n", 0, found.start()) + 2
            yield f"{page.relative_to(root)}:{line}", found[1]


def body(block):
    lines = block.splitlines()
    while lines and preamble.match(lines[0]):
        lines.pop(0)
    return "\n".join(lines)


def compiler_run(*arguments):
    return subprocess.run([compiler, *flags, "-I", scratch, "-I", root / "include", *arguments],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def precompile():
    """Where a block includes fanout.hpp first, GCC takes it from here."""
    precompiled = scratch / "fanout" / "fanout.hpp.gch"
    precompiled.parent.mkdir(parents=True, exist_ok=True)
    done = compiler_run("-w", "-x", "c++-header", root / "include" / "fanout" / "fanout.hpp", "-o", precompiled)
    if done.returncode:
        sys.exit(done.stdout)


def compiled(name, block):
    """What the compiler says if it refuses the block."""
    source = scratch / (re.sub(r"\W", "-", name) + ".cpp")
    source.write_text(block)
    done = compiler_run("-fsyntax-only", source)
    return done.stdout if done.returncode else ""


def main():
    all_blocks = list(blocks())
    if len(all_blocks) < 20:
        sys.exit(f"only {len(all_blocks)} blocks of C++ were found")
    examples = [each.read_text() for each in sorted((root / "examples").glob("*.cpp"))]
    wrong = [f"{name}: these lines stand in no example:\n{body(block)}" for name, block in all_blocks
             if not body(block).strip() or not any(body(block) in each for each in examples)]
    precompile()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, _), said in zip(all_blocks, pool.map(lambda each: compiled(*each), all_blocks)):
            if said:
                wrong.append(f"{name}: does not compile as it stands:\n{said}")
    print("\n".join(wrong) or f"{len(all_blocks)} blocks compile, and stand in examples")
    return not wrong


sys.exit(0 if main() else 1)
