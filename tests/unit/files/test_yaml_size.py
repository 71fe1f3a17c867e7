"""A small document of aliases is refused before anything follows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from edge.config.yaml_editor import LOADER
from edge.errors import ConfigError
from edge.files.yaml_size import MOST_NODES, check_size
from tests.support.paths import ROOT

LIMITED = """
import resource, sys
from pathlib import Path
from edge.config.loader import load_config
from edge.errors import ConfigError
resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))
try:
    load_config(Path(sys.argv[1]))
except ConfigError as error:
    print(error)
"""


def size_of(text: str) -> None:
    root = yaml.compose(text, LOADER)
    assert root is not None
    check_size(root, Path("x.yaml"))


def test_what_aliases_repeat_is_counted_each_time() -> None:
    half = "a: &a [" + ", ".join("x" * (MOST_NODES // 2 - 1)) + "]\n"
    size_of(f"{half}b: *a\n")
    for text in (f"{half}b: *a\nc: *a\n", f"{half}b: {{*a : *a}}\n", f"{half}b: [[*a]]\n"):
        with pytest.raises(ConfigError, match=r"x.yaml is too long: at most 100,000 entries"):
            size_of(text)


@pytest.mark.parametrize("text", ["a: &a [*a]", "&a {b: [{c: *a}]}", "a: &a {<<: *a}"])
def test_a_document_that_contains_itself_never_ends(text: str) -> None:
    with pytest.raises(ConfigError, match="too long"):
        size_of(text)


def test_merged_keys_are_counted() -> None:
    """Older versions of PyYAML write each of them out."""
    lines = ["a0: &a0 {k: 1}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))]
    with pytest.raises(ConfigError, match="too long"):
        size_of("\n".join(lines))


def keys(value: str) -> str:
    return ", ".join(f"k{number}: {value}" for number in range(250))


def test_a_configuration_of_aliases_takes_little_memory(tmp_path: Path) -> None:
    """As `sudo edge setup` hands one to root: 10 KB that stood for four thousand million keys."""
    file = tmp_path / "config.yaml"
    file.write_text(
        f"a: &a {{{keys('1')}}}\nb: &b {{{keys('*a')}}}\nc: &c {{{keys('*b')}}}\ncamera: {{{keys('*c')}}}\n"
    )
    command = [sys.executable, "-c", LIMITED, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "config.yaml is too long: at most 100,000 entries, with what anchors repeat" in done.stdout
