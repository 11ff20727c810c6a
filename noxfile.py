"""What can be run: `python -m nox -s demo`, `python -m nox -s tests`, and what CI adds to them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "types", "walls", "notebook", "demo"]
# An environment with torch takes a minute to make; `nox -R` skips installing too, deleting .nox starts afresh.
nox.options.reuse_venv = "yes"
# Pip, also where uv is at hand: uv would pass over pip's settings, and with them over a torch built for the CPU.
nox.options.default_venv_backend = "virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = Path("constraints.txt").resolve()


def install(session: nox.Session, *groups: str, package: str | None = None) -> None:
    """Install `package` and dependency groups with pip, never without the constraints."""
    wanted = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    session.install("-c", str(CONSTRAINTS), *wanted, *(("-e", package) if package else ()))


def run_tests(session: nox.Session) -> None:
    """Run pytest, file by file in two processes of one thread each: two that share threads wait for each other."""
    session.run(
        "python", "-m", "pytest", "-n", "2", "--dist", "loadfile", *session.posargs, env={"OMP_NUM_THREADS": "1"}
    )


@nox.session
def demo(session: nox.Session) -> None:
    """Super-resolve a simulated painting: writes demo/ and prints a table."""
    install(session, package=".[plot]")
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and the examples in the docstrings."""
    install(session, "tests", package=".[plot,formats,register,hyperspy,cluster,sisr]")
    run_tests(session)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure speed and what each part is worth: hours, or one, as `-- speed`, `registration`, `scaling`, `parts`."""
    install(session, "scenes", package=".[cluster,register]")
    programs = ("speed", "registration", "scaling")
    jobs = [job for job in session.posargs if job not in programs]
    for program in programs:
        if not session.posargs or program in session.posargs:
            session.run("python", f"benchmarks/{program}.py")
    if not session.posargs or jobs:
        session.run("python", "benchmarks/worth.py", *jobs)


@nox.session
def leaderboard(session: nox.Session) -> None:
    """Run every method on every scene and write docs/leaderboard.md: an hour. `-- --checkpoint FILE` adds `sisr`."""
    install(session, "scenes", package=".[sisr]")
    session.run("python", "benchmarks/leaderboard.py", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests with the lowest releases that pyproject.toml allows."""
    optional = PROJECT["project"]["optional-dependencies"]
    needed = [*PROJECT["project"]["dependencies"], *(need for extra in optional.values() for need in extra)]
    bounds = Path(session.create_tmp(), "lowest.txt")
    bounds.write_text("".join(f"{requirement.replace('>=', '==')}\n" for requirement in needed), encoding="utf-8")
    session.env["PIP_CONSTRAINT"] = str(bounds)
    install(session, "tests", package=".[plot,formats,register,hyperspy,cluster,sisr]")
    run_tests(session)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package."""
    install(session, "types", package=".[plot]")
    session.run("mypy")


@nox.session
def walls(session: nox.Session) -> None:
    """Check who imports whom."""
    install(session, "walls")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.getcwd()})


@nox.session
def notebook(session: nox.Session) -> None:
    """Execute the notebook from start to end."""
    install(session, "notebook", package=".[plot]")
    text, made = Path("examples/quickstart.py"), Path(session.create_tmp(), "quickstart.ipynb")
    session.run("jupytext", "--to", "ipynb", "--output", str(made), str(text))
    session.run("jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(made))
    shutil.copy(made, text.with_suffix(".ipynb"))
    session.log(f"executed: {text.with_suffix('.ipynb')}")
