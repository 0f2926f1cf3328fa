"""Who may import whom, and that reading a file leaves torch out."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ddcodec

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ddcodec"
FILES = sorted(PACKAGE.rglob("*.py"))
# Imports go to a lower level or stay in their part; parts of one level know nothing of each other.
LEVELS = {
    "dataset": 0,
    "label_head": 0,
    "label_views": 0,
    "limits": 0,
    "errors": 0,
    "priors": 0,
    "set_checks": 0,
    "soft_labels": 0,
    "views": 0,
    "storage": 1,
    "format": 1,
    "entropy": 1,
    "codecs": 2,
    "sources": 3,
    "pipeline": 3,
    "reading": 3,
    "rendering": 3,
    "inspection": 3,
    "sections": 3,
    "verification": 3,
    "label_files": 3,
    "label_packing": 3,
    "label_store": 3,
    "label_validation": 3,
    "merging": 3,
    "republish": 3,
    "validate": 3,
    "differences": 3,
    "row_differences": 3,
    "comparison": 3,
    "export": 3,
    "report": 3,
    "train": 4,
    "cli": 5,
}
# Files that make up one part.
SAME_PART = dict.fromkeys(
    ("dataset", "label_head", "label_views", "views", "limits", "errors", "priors", "set_checks", "soft_labels"), "base"
) | dict.fromkeys(
    (
        "pipeline",
        "reading",
        "rendering",
        "sections",
        "inspection",
        "verification",
        "merging",
        "republish",
        "validate",
        "differences",
        "row_differences",
        "comparison",
        "label_files",
        "label_packing",
        "label_store",
        "label_validation",
    ),
    "pipeline",
)


def part_of(module: str) -> str:
    """`ddcodec.format.wire` -> `format`; the package itself -> ``."""
    return [*module.split("."), ""][1]


def imports(tree: ast.AST, package: str) -> list[tuple[str, bool]]:
    """Modules a file imports, and whether it does so when it is itself imported."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    } | {
        id(node)
        for check in ast.walk(tree)
        if isinstance(check, ast.If) and ast.unparse(check.test) == "TYPE_CHECKING"
        for node in ast.walk(check)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found.append((base, id(node) not in inside))
            if base == "ddcodec":
                found += [(f"ddcodec.{alias.name}", id(node) not in inside) for alias in node.names]
    return found


def level_faults(module: str, source: str) -> list[str]:
    """Imports of one file that go to a higher or a neighbouring part."""
    package, part = module.rpartition(".")[0], part_of(module)
    faults = []
    for name, _ in imports(ast.parse(source), package):
        other = part_of(name)
        if name.split(".")[0] != "ddcodec" or not other or SAME_PART.get(part, part) == SAME_PART.get(other, other):
            continue
        if LEVELS[other] >= LEVELS[part]:
            faults.append(f"{module} imports {name}")
    return faults


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_every_part_has_a_level():
    parts = {part_of(module_of(path)) for path in FILES} - {"__init__"}
    assert parts <= set(LEVELS)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_levels(path):
    if path != PACKAGE / "__init__.py":  # it offers the rest, lazily
        assert level_faults(module_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("module", "source", "faults"),
    [
        ("ddcodec.format.wire", "from ddcodec.entropy.coder import Encoder", 1),
        ("ddcodec.format.wire", "from ..codecs import labels", 1),
        ("ddcodec.format.wire", "from . import header\nfrom ddcodec.errors import DdzError", 0),
        ("ddcodec.errors", "def f():\n    import ddcodec.format.wire", 1),
        ("ddcodec.sources.digits", "from ddcodec import pipeline", 1),
        ("ddcodec.train.loop", "from ddcodec import pipeline\nfrom ddcodec.sources import digits", 0),
        ("ddcodec.codecs.latent", "import ddcodec.train.loop", 1),
    ],
)
def test_the_check_of_levels_can_fail(module, source, faults):
    assert len(level_faults(module, source)) == faults


def importers(library: str, *, at_once: bool = False) -> set[str]:
    return {
        module_of(path).removeprefix("ddcodec.")
        for path in FILES
        for name, immediate in imports(ast.parse(path.read_text()), module_of(path).rpartition(".")[0])
        if name.split(".")[0] == library and (immediate or not at_once)
    }


def test_libraries_have_one_home():
    assert importers("constriction") == {"entropy.coder"}
    assert importers("msgpack") == {"format.canonical"}
    for name in importers("torch") - {
        "dataset",
        "views.augmented",
        "views.torch_dataset",
        "views.preprocessing",
        "export.tensors",
    }:
        assert name.startswith(("train.", "sources.torch_file", "cli"))
    assert all(name.startswith(("train.", "sources.torch_file")) for name in importers("torch", at_once=True))


CHECK = "import sys; assert 'torch' not in sys.modules, 'torch was imported'"
READING = "import ddcodec; ddcodec.load; ddcodec.DistilledSet; import ddcodec.pipeline"


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


def test_reading_leaves_torch_out():
    done = run(f"{READING}; {CHECK}")
    assert done.returncode == 0, done.stderr


def test_the_check_for_torch_can_fail():
    pytest.importorskip("torch")
    done = run(f"{READING}; import torch; {CHECK}")
    assert done.returncode == 1
    assert "torch was imported" in done.stderr


def test_importing_the_package_costs_next_to_nothing():
    done = run("import sys, ddcodec; assert 'numpy' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_looking_at_a_file_needs_no_numpy():
    file = ROOT / "tests" / "golden" / "valid" / "priors-and-transform.ddz"
    done = run(f"import sys, ddcodec.inspection as i; i.info({str(file)!r}); assert 'numpy' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_version_and_names():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert ddcodec.__version__ == settings["project"]["version"]
    assert all(hasattr(ddcodec, name) for name in ddcodec.__all__)
    with pytest.raises(AttributeError):
        _ = ddcodec.nothing
