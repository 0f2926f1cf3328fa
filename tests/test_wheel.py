"""What `pip install` brings: the files of the wheel, and that it reads sets where there is no torch."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.test_without_torch import GOLDEN, PROGRAM, ROOT, WALL

pytestmark = pytest.mark.slow
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "shared", "runs", "demo-out")


def run(*command, cwd):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=cwd, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, since setuptools leaves folders behind where it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=LEFT_OUT)
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, folder / "source")
    run(*build, cwd=folder)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    run("-m", "pip", "install", *quiet, "--target", folder, wheel, cwd=folder)
    return folder


def test_its_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    package = ROOT / "ddcodec"
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert {name for name in names if not name.startswith(info)} == expected
    assert {"ddcodec/py.typed", "ddcodec/report/page.html.j2", "ddcodec/report/page.css"} <= expected
    assert sum(name.startswith("ddcodec/resources/") for name in expected) >= 5
    assert "ddcodec = ddcodec.cli:main" in scripts
    licences = [name for name in names if name.startswith(f"{info}/licenses/")]
    assert sorted(Path(name).name for name in licences) == ["LICENSE", "NOTICE.md"]


def test_its_metadata(wheel):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert wheel.name == f"ddcodec-{settings['version']}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(next(name for name in archive.namelist() if name.endswith("/METADATA"))).decode()
    lines = text.partition("\n\n")[0].splitlines()
    plain = [line for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    assert len(plain) == len(settings["dependencies"])
    assert not any("torch" in line for line in plain)
    assert {line.partition(": ")[2] for line in lines if line.startswith("Provides-Extra")} == set(
        settings["optional-dependencies"]
    )
    assert text.partition("\n\n")[2].strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


def program(folder, *arguments, wall=WALL):
    """The program as installed there; without `site`, so that nothing leads back to this checkout."""
    places = [str(folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    code = f"""
import sys
sys.path += {places!r}
{wall}
import ddcodec
assert ddcodec.__file__.startswith({str(folder)!r}), ddcodec.__file__
{PROGRAM}
"""
    return run("-I", "-S", "-W", "error", "-c", code, *arguments, cwd=folder)


def test_it_reads_without_torch(installed, tmp_path):
    assert "6 images of 3 classes" in program(installed, "info", GOLDEN)
    assert "intact: 6 images" in program(installed, "verify", GOLDEN)
    assert program(installed, "decode", GOLDEN, tmp_path / "out") == f"{tmp_path / 'out'}: 6 images\n"
    assert len(list((tmp_path / "out").glob("*/*.png"))) == 6


def test_the_digits_and_the_template_are_there(installed, tmp_path):
    pytest.importorskip("jinja2")
    program(installed, "report", GOLDEN, "-o", tmp_path / "report.html", wall="")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); import ddcodec.sources.digits as d; d.load_digits()"
    run("-c", code, cwd=installed)
