"""A release: one version everywhere, workflows that run what exists, and a recipe with the bounds of the package."""

from __future__ import annotations

import ast
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import xrfsr

ROOT = Path(xrfsr.__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="needs the project's folder")
CONDA_NAMES = {"torch": "pytorch", "dask": "dask-core"}  # the others are the same
YAML = sorted(
    str(path.relative_to(ROOT))
    for pattern in (".github/**/*.yml", "recipe/*.yaml", "CITATION.cff", ".pre-commit-config.yaml")
    for path in ROOT.glob(pattern)
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def sessions_of_nox() -> set[str]:
    return {
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each).startswith("nox.session") for each in node.decorator_list)
    }


def sessions_of(workflow: str) -> set[str]:
    """Sessions that a workflow runs: written out, or from the matrix of the job."""
    found: set[str] = set()
    for job in loaded(f".github/workflows/{workflow}.yml")["jobs"].values():
        for step in job["steps"]:
            for name in re.findall(r"nox -s (\S+|\$\{\{ matrix\.session \}\})", step.get("run", "")):
                found |= set(job["strategy"]["matrix"]["session"]) if name.startswith("$") else {name}
    return found


@pytest.mark.parametrize("path", YAML)
def test_files_of_settings_are_valid_yaml(path: str) -> None:
    assert loaded(path)


def test_one_version_everywhere() -> None:
    version = xrfsr.__version__
    assert loaded("CITATION.cff")["version"] == version
    assert loaded("recipe/recipe.yaml")["context"]["version"] == version
    page = (ROOT / "docs" / "explanation" / "writing_up.md").read_text(encoding="utf-8")
    assert re.findall(r"version = \{(.+)\}", page) == [version]
    heading = re.search(r"^## (\d\S*) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert heading is not None
    assert heading[1] == version
    assert loaded("CITATION.cff")["date-released"] == heading[2] == str(date.fromisoformat(heading[2]))


def test_the_citation_is_that_of_the_paper() -> None:
    citation = loaded("CITATION.cff")
    paper = citation["preferred-citation"]
    assert paper["title"].startswith("Adversarial Deep-Unfolding Network for MA-XRF Super-Resolution on Old Master")
    assert [each["family-names"] for each in paper["authors"]] == ["Verinaz-Jadan", "Yan", "Higgitt", "Dragotti"]
    assert citation["license"] == project()["project"]["license"]
    assert citation["keywords"] == project()["project"]["keywords"]


def test_workflows_run_sessions_that_exist_and_all_that_ci_runs() -> None:
    every = set().union(*(sessions_of(path.stem) for path in (ROOT / ".github" / "workflows").glob("*.yml")))
    assert every <= sessions_of_nox()
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (looped,) = re.findall(r"^for session in (.+); do$", script, re.M)
    of_ci = {*looped.split(), *re.findall(r"^run (\w+)", script, re.M)}
    assert of_ci <= sessions_of_nox()
    assert of_ci - {"docs"} <= sessions_of("checks")


def test_the_tests_run_on_every_system_and_supported_python() -> None:
    matrix = loaded(".github/workflows/checks.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert {name.partition("-")[0] for name in matrix["system"]} == {"ubuntu", "macos", "windows"}
    named = [
        text.rpartition(" ")[2]
        for text in project()["project"]["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", text)
    ]
    assert matrix["python"] == named
    assert project()["project"]["requires-python"] == f">={named[0]}"


def test_the_recipe_has_the_bounds_of_the_package() -> None:
    needed = {}
    for requirement in project()["project"]["dependencies"]:
        name, bound = re.fullmatch(r"([\w-]+)(>=\S+)", requirement).groups()  # type: ignore[union-attr]
        needed[CONDA_NAMES.get(name, name)] = bound
    recipe = loaded("recipe/recipe.yaml")
    run = dict(one.split(" ", 1) for one in recipe["requirements"]["run"])
    (oldest,) = loaded("recipe/variants.yaml")["python_min"]
    assert run.pop("python") == ">=${{ python_min }}"
    assert project()["project"]["requires-python"] == f">={oldest}"
    assert run == needed
    (backend,) = project()["build-system"]["requires"]
    assert backend.replace(">=", " >=") in recipe["requirements"]["host"]
    assert recipe["about"]["license"] == project()["project"]["license"]
    assert recipe["about"]["summary"] == project()["project"]["description"]


def test_every_requirement_has_its_reason_and_is_imported() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    modules = {
        "pillow": "PIL", "torch": "torch", "pint-xarray": "pint_xarray", "rosettasciio": "rsciio", "pyvips-binary": "",
        "scikit-image": "skimage",
    }  # fmt: skip
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "xrfsr").rglob("*.py"))
    optional = project()["project"]["optional-dependencies"].values()
    for requirement in [*project()["project"]["dependencies"], *(one for extra in optional for one in extra)]:
        assert re.search(rf'"{re.escape(requirement)}"[],]*  +# \w|"{re.escape(requirement)}"\]  # \w', text), (
            requirement
        )
        name = requirement.partition(">=")[0]
        module = modules.get(name, name)
        assert re.search(rf'\b(import|from) {module}\b|"{module}[."]', source), f"{requirement} is never imported"
