"""A folder in which the examples of one document are run, in order, as a reader would.

Shell lines: `PROGRAMS` says what is done with each program; `QUICK` what is added to commands that take long.
Languages: `LANGUAGES`. What stands in neither of them is an error: nothing in a document goes unnoticed.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ddcodec.cli import main
from ddcodec.train.config import from_toml
from tests.readme.blocks import Block
from tests.readme.inputs import make_input
from tests.storage.server import Handler, ranges, serving

ROOT = Path(__file__).parents[2]
QUICK = {
    "distill": (
        *("--images-per-class", "4"),
        *("--set", "train.fit_steps=2", "--set", "train.joint_steps=2", "--set", "train.tune_steps=1"),
        *("--set", "matching.networks=1", "--set", "matching.stages=[1]", "--set", "matching.width=4"),
    ),
    "eval": ("--repeats", "1", "--set", "recipe.epochs=1", "--set", "recipe.width=8"),
    "labels pack": ("--steps", "3"),
    "labels relabel": ("--steps", "3"),
}
"""What makes commands quick; it comes last, and so overrules the document's own words."""
SHOWN_ONLY = {"demo"}
"""Commands that take too long whatever one adds; they have tests of their own."""
ENDINGS = {"diff": {0, 1}, "eval --check": {0, 4}}
"""Exit statuses that are no failure, beside 0 alone; the key's words are all in the line."""
_URL = re.compile(r"(?:https?|hf|s3|gs)://[^\s'\"]+/([\w.-]+\.ddz)")
_TIMEOUT_S, _LONGEST = 120, 100


class Problem(Exception):
    """An example that does not work, or that nobody knows what to do with."""


class Stage:
    """Fields: folder, where everything happens; names, the variables of the Python blocks; server, for URLs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self._serving = serving(b"", self._by_name)

    def __enter__(self) -> "Stage":
        self.server = self._serving.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._serving.__exit__(*exception)

    def _by_name(self, handler: Handler) -> None:
        """Serve the file of that name in the folder, made if need be."""
        path = self.folder / handler.path.rpartition("/")[2]
        make_input(path)
        handler.server.data = path.read_bytes()
        ranges(handler)

    def local(self, text: str) -> str:
        """A text with far URLs of .ddz files replaced by those of the server here."""
        return _URL.sub(lambda found: f"http://127.0.0.1:{self.server.server_port}/{found[1]}", text)

    def expanded(self, word: str) -> list[str]:
        """Files that a pattern stands for, as a shell has it."""
        found = sorted(self.folder.glob(word)) if "*" in word and "://" not in word else []
        return [str(path.relative_to(self.folder)) for path in found] or [word]

    def provide(self, word: str) -> None:
        """Make the input files that a word such as npz:train.npz names."""
        if "://" in word or len(word) > _LONGEST:
            return
        for part in re.split("[:=@]", word):
            if part and "*" not in part and not Path(part).is_absolute():
                make_input(self.folder / part)

    def run(self, block: Block) -> None:
        """Run one block, in the current folder, which must be the stage's.

        Raises: Problem, beginning with the place.
        """
        if block.language not in LANGUAGES:
            raise Problem(f"{block.place()}: no way to test a block of {block.language!r}")
        LANGUAGES[block.language](self, block)


def run_python(stage: Stage, block: Block) -> None:
    """Run a block after those before it, with their variables."""
    source = stage.local(block.text)
    try:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                stage.provide(node.value)
        ast.increment_lineno(tree, block.line - 1)
        exec(compile(tree, block.document, "exec"), stage.names)
    except Exception as error:
        trace, line = error.__traceback__, 0
        while trace is not None:
            line = trace.tb_lineno - block.line if trace.tb_frame.f_code.co_filename == block.document else line
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.lineno is not None:
            line = error.lineno - 1
        raise Problem(f"{block.place(line)}: {type(error).__name__}: {error}") from error


def run_shell(stage: Stage, block: Block) -> None:
    """Run a block line by line; a backslash at the end joins lines."""
    start, line = 0, ""
    for number, part in enumerate(block.text.splitlines()):
        start, line = (start, line) if line else (number, "")
        if part.endswith("\\"):
            line += part[:-1] + " "
            continue
        try:
            run_line(stage, line + part)
        except Problem as problem:
            raise Problem(f"{block.place(start)}: {problem}") from problem
        line = ""
    if line:
        raise Problem(f"{block.place(start)}: the line goes on beyond the block")


def commands_of(line: str) -> Iterator[list[str]]:
    """Words of each command of a line, comments left out."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word in ("&&", ";"):
            if words:
                yield words
            words = []
        elif set(word) <= set("();<>|&"):
            raise Problem(f"no way to test {word} in a line")
        else:
            words.append(word)


def run_line(stage: Stage, line: str) -> None:
    """Run a line, or, for programs that are not ours, see that what it asks for exists."""
    for program, *arguments in commands_of(line):
        if program not in PROGRAMS:
            raise Problem(f"no way to test the program {program!r}")
        PROGRAMS[program](stage, arguments)


def run_ddcodec(stage: Stage, arguments: list[str]) -> None:
    """Run the program as installed here."""
    name = arguments[0] if arguments else ""
    if name in main.commands and name in SHOWN_ONLY:
        return
    words = [part for word in arguments for part in stage.expanded(stage.local(word))]
    for word in words:
        stage.provide(word)
    command = [sys.executable, "-m", "ddcodec.cli", *words, *QUICK.get(" ".join(words[:2]), QUICK.get(name, ()))]
    environment = os.environ | {"no_proxy": "*", "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=stage.folder, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    fine = next((codes for key, codes in ENDINGS.items() if set(key.split()) <= set(words)), {0})
    if done.returncode not in fine:
        raise Problem(f"ddcodec {shlex.join(words)}: ended with {done.returncode}: {done.stderr.strip()}")


def check_dev(stage: Stage, arguments: list[str]) -> None:
    """./dev has that command."""
    offered = re.findall(r"^    (\w+)\)$", (ROOT / "dev").read_text(), re.MULTILINE)
    if not arguments or arguments[0] not in offered:
        raise Problem(f"./dev offers {', '.join(offered)}, not {shlex.join(arguments)!r}")


def extras_of(text: str) -> list[str]:
    """Extras that a text asks for, such as a and b in ddcodec[a,b]."""
    return [extra.strip() for found in re.findall(r"(?:ddcodec|\.)\[([\w, ]+)\]", text) for extra in found.split(",")]


def unknown_extras(text: str) -> list[str]:
    """Those of them that the package does not have."""
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return [extra for extra in extras_of(text) if extra not in known]


def check_pip(stage: Stage, arguments: list[str]) -> None:
    """Ours is what is installed, with extras that exist."""
    action, wanted = arguments[:1], [word for word in arguments[1:] if not word.startswith("-")]
    for word in wanted:
        if re.fullmatch(r"(ddcodec|\.)(\[[\w, ]+\])?", word) is None or unknown_extras(word):
            raise Problem(f"pip: cannot account for {word!r}")
    if action != ["install"] or not wanted:
        raise Problem(f"pip: cannot account for {shlex.join(arguments)!r}")


def check_python(stage: Stage, arguments: list[str]) -> None:
    """A script or module of the repository; ours and pip are as if called directly."""
    match arguments:
        case ["-m", "pip", *rest]:
            check_pip(stage, rest)
        case ["-m", "ddcodec.cli", *rest]:
            run_ddcodec(stage, rest)
        case ["-m", module, *_] if (ROOT / f"{module.replace('.', '/')}.py").is_file():
            pass
        case [script, *_] if not script.startswith("-") and (ROOT / script).is_file():
            pass
        case _:
            raise Problem(f"python: cannot account for {shlex.join(arguments)!r}")


def check_config(stage: Stage, block: Block) -> None:
    """A configuration that `distill --config` takes."""
    try:
        from_toml(block.text, block.place())
    except Exception as error:
        raise Problem(str(error)) from error


PROGRAMS: dict[str, Callable[[Stage, list[str]], None]] = {
    "ddcodec": run_ddcodec,
    "./dev": check_dev,
    "pip": check_pip,
    "python": check_python,
}
LANGUAGES: dict[str, Callable[[Stage, Block], None]] = {
    "python": run_python,
    "sh": run_shell,
    "": run_shell,
    "toml": check_config,
}
