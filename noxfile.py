"""What can be run: `python -m nox -s demo`, `python -m nox -s tests`, and what CI adds to them."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "types", "walls", "notebook", "demo"]
# An environment with torch takes a minute to make; `nox -R` skips installing too, deleting .nox starts afresh.
nox.options.reuse_venv = "yes"
# Pip, also where uv is at hand: uv would pass over pip's settings, and with them over a torch built for the CPU.
nox.options.default_venv_backend = "virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = Path("constraints.txt").resolve()
# What the tests need: the package with every optional part.
EVERYTHING = ".[plot,formats,register,gis,hyperspy,deepzoom,cluster,sisr,report,completion]"

# Programs whose files are read, with what they need beside their own requirements. Each gets an environment of its own.
PRODUCERS: dict[str, tuple[str, ...]] = {
    "maxrf4u": ("maxrf4u", "dask[complete]==2025.2.0", "zarr==3.0.8"),  # later ones fail in its own code
    "ewoksfluo": ("ewoksfluo",),
    "pyxrf": ("pyxrf", "scikit-beam", "xraylib"),  # which it imports without requiring them
}

# What computes with torch or BLAS, whose sums are rounded in another order by every processor.
COMPUTING = ["xrfsr", *(f"tests/{room}" for room in (
    "operators", "kriging", "network", "methods", "pipeline", "regions", "registration", "processing", "simulate",
    "trust", "analysis", "utils", "test_benchmarks.py", "test_equations.py", "test_examples.py",
))]  # fmt: skip
# Processors and numbers of threads this machine can stand for. A folder hides bfloat16 from torch: no variable does.
PATHS = (str(Path("tests/no_bfloat16").resolve()), os.environ.get("PYTHONPATH", ""))
NO_BFLOAT16 = {"PYTHONPATH": os.pathsep.join(path for path in PATHS if path)}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "AVX512 X86_V4",  # the names of which these are a part
}
OLDEST = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": "AVX X86 FMA SSE POPCNT F16C",
}
SETTINGS: dict[str, tuple[int, dict[str, str]]] = {
    "this processor, 1 thread": (1, {}),
    "this processor, 4 threads": (4, {}),
    "without bfloat16, 2 threads": (2, NO_BFLOAT16),
    "AVX2, 2 threads": (2, NO_BFLOAT16 | AVX2),
    "AVX2 with bfloat16, 1 thread": (1, AVX2),
    "oldest, 1 thread": (1, NO_BFLOAT16 | OLDEST),
}


def install(session: nox.Session, *groups: str, package: str | None = None, options: tuple[str, ...] = ()) -> None:
    """Install `package` and dependency groups with pip and its `options`, never without the constraints."""
    wanted = nox.project.dependency_groups(PROJECT, *groups) if groups else ()
    session.install(*options, "-c", str(CONSTRAINTS), *wanted, *(("-e", package) if package else ()))


def run_tests(session: nox.Session, *options: str) -> None:
    """Run pytest, file by file in two processes of one thread each: two that share threads wait for each other."""
    session.run(
        "python", "-m", "pytest", "-n", "2", "--dist", "loadfile", *options, *session.posargs,
        env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@nox.session
def demo(session: nox.Session) -> None:
    """Super-resolve a simulated painting: writes demo/ and prints a table."""
    install(session, package=".[plot]")
    session.run("python", "examples/demo.py", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and the examples in the docstrings."""
    install(session, "tests", package=EVERYTHING)
    run_tests(session)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site in docs/_build/html, without a network and without a warning."""
    install(session, "docs", package=".[plot,register,report]")
    shutil.rmtree("docs/reference/api/generated", ignore_errors=True)  # pages of names that are gone
    session.run(
        "python", "-m", "sphinx", "-b", "html", "-W", "--keep-going", "docs", "docs/_build/html", *session.posargs,
        env={"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    session.log(f"open {Path('docs/_build/html/index.html').resolve()}")


@nox.session
def soak(session: nox.Session) -> None:
    """Run the tests that take long: more damaged files, larger pictures, the full training."""
    install(session, "tests", package=EVERYTHING)
    run_tests(session, "-m", "soak")


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the tests and print the share of lines and branches that they reach: half an hour."""
    install(session, "tests", "coverage", package=EVERYTHING)
    run_tests(session, "--cov", "--cov-report=term:skip-covered")


@nox.session
def browser(session: nox.Session) -> None:
    """Drive pages in a headless Chromium by mouse and keys; finds one, or installs it where it can."""
    install(session, "browser", package=".[plot,report,register,explore]")
    chromium = find_chromium(session)
    session.run(
        "python", "-m", "pytest", "-rs", "-m", "browser or not browser", "tests/browser", "tests/exploration",
        *session.posargs,
        env={"OMP_NUM_THREADS": "1", **({"XRFSR_CHROMIUM": chromium} if chromium else {})},
    )  # fmt: skip


def find_chromium(session: nox.Session) -> str:
    """Return the path of Chromium, or nothing if playwright has its own; say clearly if there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    if found := os.environ.get("XRFSR_CHROMIUM") or next((path for name in names if (path := shutil.which(name))), ""):
        return found
    with suppress(CommandFailed):
        session.run("playwright", "install", "chromium")  # quick if it is there; needs a network if not
        return ""
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        with suppress(CommandFailed):
            session.run("apt-get", "update", external=True)
            session.run("apt-get", "install", "--yes", "--no-install-recommends", "chromium", external=True)
    if found := shutil.which("chromium"):
        return found
    session.error(
        "no Chromium: none of " + ", ".join(names) + " is on the PATH, and neither playwright nor apt-get could "
        "install one; install Chromium or Chrome, or set XRFSR_CHROMIUM to its path"
    )


@nox.session
def producers(session: nox.Session) -> None:
    """Read files that other programs write, each in an environment of its own: 30 min. `-- maxrf4u` for one of them."""
    install(session, "tests", package=EVERYTHING)
    session.install("--no-deps", "mapstorch")  # which needs nothing that is not there
    folder = Path(session.create_tmp(), "producers").resolve()
    for name in [name for name in session.posargs if name in PRODUCERS] or list(PRODUCERS):
        produce(session, name, folder)
    options = [word for word in session.posargs if word not in PRODUCERS]
    session.run(
        "python", "-m", "pytest", "-rs", "tests/producers", *options,
        env={"OMP_NUM_THREADS": "1", "XRFSR_PRODUCED": str(folder)},
    )  # fmt: skip


def produce(session: nox.Session, name: str, folder: Path) -> None:
    """Let a program write its files to a folder of its name, or a text that says why there are none."""
    out, env = folder / name, folder.parent / f"{name}-env"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    python = str(env / ("Scripts" if os.name == "nt" else "bin") / "python")
    try:
        session.run("python", "-m", "venv", str(env))
        session.run(python, "-m", "pip", "install", "-q", *PRODUCERS[name], external=True)
    except CommandFailed:
        version = str(session.run("python", "--version", silent=True)).strip()
        (out / "skipped.txt").write_text(f"{name} does not install on {version}", encoding="utf-8")
        return
    try:
        session.run(
            python, f"tests/producers/write_{name}.py", str(out), external=True,
            env={"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "QT_QPA_PLATFORM": "offscreen"},
        )  # fmt: skip
    except CommandFailed:
        (out / "failed.txt").write_text(f"{name} did not write its files: see above", encoding="utf-8")


@nox.session
def portable(session: nox.Session) -> None:
    """Run what computes as if on other processors, with 1, 2 and 4 threads: an hour or two. `-- -k NAME` for some."""
    install(session, "tests", package=EVERYTHING)
    chosen = [] if any(Path(word.partition("::")[0]).exists() for word in session.posargs) else COMPUTING
    report = Path(session.create_tmp(), "report.xml").resolve()
    lines, failed = [], False
    for name, (threads, processor) in SETTINGS.items():
        env = {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "MKL", "OPENBLAS")} | processor
        if parts := env.pop("NPY_DISABLE_CPU_FEATURES", ""):
            env["NPY_DISABLE_CPU_FEATURES"] = numpy_features(session, parts.split())
        workers = str(max(1, (os.cpu_count() or 1) // threads))
        report.unlink(missing_ok=True)
        begun, outcome = time.monotonic(), ""
        try:
            session.run(
                "python", "-m", "pytest", "-n", workers, "--dist", "loadfile", f"--junitxml={report}", *chosen,
                *session.posargs, env=env,
            )  # fmt: skip
        except CommandFailed:
            failed, outcome = True, "  FAILED"
        took = time.monotonic() - begun
        lines.append(f"{name:30}  {_counts(report)}  {took:6.0f} s{outcome}")
    session.log("\n".join(["setting, passed, failed, skipped, seconds:", *lines]))
    if failed:
        session.error("tests failed where this machine stands for another: see above")


def numpy_features(session: nox.Session, parts: list[str]) -> str:
    """Name the instructions that NumPy would choose here and whose name has one of `parts` in it."""
    code = (
        "from numpy._core._multiarray_umath import __cpu_dispatch__ as names, __cpu_features__ as there\n"
        "print(*(name for name in names if there.get(name)))"
    )
    names = str(session.run("python", "-c", code, silent=True)).split()
    return " ".join(name for name in names if any(part in name for part in parts))


def _counts(report: Path) -> str:
    if not report.is_file():
        return "no report: the run was cut off"
    suite = ElementTree.parse(report).getroot()
    suite = suite if suite.tag == "testsuite" else suite[0]
    total, bad, skipped = (
        sum(int(suite.get(key, 0)) for key in keys) for keys in (("tests",), ("failures", "errors"), ("skipped",))
    )
    return f"{total - bad - skipped:5} passed {bad:4} failed {skipped:4} skipped"


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
    """Run every method on every scene and write leaderboard.md: an hour. `-- --checkpoint FILE` adds `sisr`."""
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
    install(session, "tests", package=EVERYTHING)
    run_tests(session)


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest release of everything but torch, which constraints.txt holds."""
    install(session, "tests", package=EVERYTHING, options=("--upgrade", "--upgrade-strategy", "eager"))
    session.run("python", "-m", "pip", "list")
    run_tests(session)


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and sdist in dist/, check them, and use the wheel with nothing but what it requires."""
    install(session, "package")
    dist = Path("dist").resolve()
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist))
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    session.run("python", "-m", "twine", "check", "--strict", str(wheel), str(sdist))
    session.run("check-wheel-contents", str(wheel))

    folder = Path(session.create_tmp(), "clean").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "venv", str(folder / "env"))
    session.run("python", "-m", "tarfile", "-e", str(sdist), str(folder))
    python = str(folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python")
    env = {"PYTHONPATH": None, "OMP_NUM_THREADS": "1"}  # nothing of the source may be found by chance
    with_constraints = ("-m", "pip", "install", "-q", "-c", str(CONSTRAINTS))
    session.run(python, *with_constraints, str(wheel), external=True, env=env)
    session.run(python, "-m", "pip", "check", external=True, env=env)
    with session.chdir(folder / sdist.name.removesuffix(".tar.gz")):
        session.run(python, "-I", "tests/release/use_wheel.py", external=True, env=env)
        session.run(
            python, *with_constraints, *nox.project.dependency_groups(PROJECT, "pytest"), external=True, env=env
        )
        # -P: the package comes from the wheel, and only the tests from the sdist.
        session.run(python, "-P", "-m", "pytest", "-q", "tests/core", external=True, env=env)


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
    """Execute the notebooks from start to end: `-- quickstart figures` for some; prints the seconds of each."""
    install(session, "notebook", package=".[plot,register,report,cluster]")
    env = {"PYTHONPATH": str(Path("examples").resolve())}
    seconds = {}
    for text in notebooks():
        if session.posargs and text.stem not in session.posargs:
            continue
        made = Path(session.create_tmp(), text.name).with_suffix(".ipynb")
        begun = time.monotonic()
        session.run("jupytext", "--to", "ipynb", "--output", str(made), str(text))
        session.run("jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", str(made), env=env)
        shutil.copy(made, text.with_suffix(".ipynb"))
        seconds[text.with_suffix(".ipynb")] = time.monotonic() - begun
    session.log("\n".join(["executed, seconds:", *(f"{path!s:32} {took:6.0f}" for path, took in seconds.items())]))


def notebooks() -> list[Path]:
    """Return the examples that are notebooks, which the first lines of their text say."""
    return [path for path in sorted(Path("examples").glob("*.py")) if "format_name: percent" in path.read_text("utf-8")]
