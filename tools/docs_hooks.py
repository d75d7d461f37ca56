"""Hooks of mkdocs.yml: what of the site is made, and links that leave docs/."""
import os
import re
import subprocess

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
repository_files = re.compile(r"\]\((?:\.\./)+((?:README|CHANGELOG|CONTRIBUTING)\.md|LICENSE|examples/[^)#]+)(#[^)]*)?\)")
notes = re.compile(r"\[([^\]]+)\]\((?:\.\./)?notes/[^)]+\)")


def on_page_markdown(markdown, page, config, files):
    if page.file.src_uri == "reference/command-line.md":
        tool = os.environ["FANOUT_TOOL"]
        for command in ("", "fetch", "curl", "compare", "serve", "job"):
            words = ["help", *command.split()]
            text = subprocess.run([tool, *words], check=True, text=True, stdout=subprocess.PIPE).stdout
            markdown += f"\n## fanout {command}\n\n```text\n{text}```\n"
    if page.file.src_uri == "api.md":
        markdown = markdown.replace("`api/index.html`", '<a href="api/index.html">api/index.html</a>')
    # Files beside docs/ are named, not linked: the site does not have them. So are the notes.
    markdown = repository_files.sub(r"(`\1`)", markdown)
    return notes.sub(r"\1", markdown)
