#!/usr/bin/env python3
"""Run, test and check Watchword from a fresh clone: needs Python 3.11 or newer, and installs the rest beside itself.

python3 develop.py serve --demo     start a server with demo data
python3 develop.py test             all tests in parallel, with the coverage gate (with arguments: those tests alone)
python3 develop.py check            lint, format, types, layers
python3 develop.py bench [NAME]     benchmarks of bench/ against their peers
python3 develop.py lock             resolve the dependencies anew
python3 develop.py newest           the newest installed Python that the project supports
python3 develop.py run VERB …       any other verb of the command line, such as: run keys list

--python 3.13, before the verb, uses that installed Python in an environment of its own; --python newest the newest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools"

UV_VERSION = "0.13.9"
"""The one version that reads uv.lock here, on every machine."""

OLDEST_MINOR = 11
NEWEST_MINOR = 14
"""The versions of Python 3 that pyproject.toml names."""

COVERAGE_MIN = 95

SERVE, DEVELOP, BENCH = "serve", "develop", "bench"
GROUPS = {SERVE: ("--no-dev",), DEVELOP: (), BENCH: ("--group", "bench")}
"""What is installed for what, each including the one before: to start the server, nothing but what it imports."""


class CannotGoOnError(Exception):
    """Something outside is missing; the text says what to do."""


def main(arguments: list[str]) -> int:
    """Prepare what the verb needs and run it; return its exit code."""
    python = None
    if arguments[:1] == ["--python"] and len(arguments) > 1:
        python, arguments = find_python(arguments[1]), arguments[2:]
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if verb not in VERBS:
        print(__doc__)
        return 0 if verb in {"help", "--help", "-h"} else 2
    return VERBS[verb](rest, python)


def serve(arguments: list[str], python: str | None) -> int:
    """Start the server in place of this process, so that signals reach it."""
    return watchword(["serve", *arguments], python)


def watchword(arguments: list[str], python: str | None) -> int:
    """Run a verb of the command line in place of this process."""
    environment = prepare(SERVE, python)
    os.execv(environment / "bin" / "watchword", ["watchword", *arguments])


def test(arguments: list[str], python: str | None) -> int:
    """Run the tests; without arguments all of them, and branch coverage has to reach its bound."""
    environment = prepare(DEVELOP, python)
    gate = ["--cov", f"--cov-fail-under={COVERAGE_MIN}", "--cov-report=term"]
    # Many tests wait for servers, browsers and databases: others go on meanwhile.
    workers = str(2 * (os.cpu_count() or 1))
    return run(environment, "pytest", "-q", "-n", workers, "--dist", "worksteal", *(arguments or gate))


def check(arguments: list[str], python: str | None) -> int:
    """Lint, check the format, the types and who imports whom; all of them, also when one complains."""
    environment = prepare(DEVELOP, python)
    codes = [
        run(environment, "ruff", "check", "--quiet", *arguments),
        run(environment, "ruff", "format", "--check", "--quiet", *arguments),
        run(environment, "mypy", *arguments),
        run(environment, "lint-imports", "--no-cache"),
    ]
    return max(codes)


def bench(arguments: list[str], python: str | None) -> int:
    """Measure beside the peers, or run the benchmark that is named; options alone go to the first."""
    environment = prepare(BENCH, python)
    is_named = bool(arguments) and not arguments[0].startswith("-")
    name, rest = (arguments[0], arguments[1:]) if is_named else ("compare", arguments)
    return run(environment, "python", str(ROOT / "bench" / f"{name}.py"), *rest)


def lock(arguments: list[str], _python: str | None) -> int:
    """Resolve the dependencies anew into uv.lock."""
    return subprocess.run([find_uv(), "lock", *arguments], cwd=ROOT, check=False).returncode


def newest(_arguments: list[str], _python: str | None) -> int:
    """Print the version of the newest supported Python that is installed."""
    version = Path(find_python("newest")).name.removeprefix("python")
    print(version)
    return 0


VERBS = {"newest": newest, "serve": serve, "run": watchword, "test": test, "check": check, "bench": bench, "lock": lock}


def run(environment: Path, tool: str, *arguments: str) -> int:
    """Run a tool of the environment in the repository and return its exit code."""
    search = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    variables = {**os.environ, "VIRTUAL_ENV": str(environment), "PATH": search}
    return subprocess.run([environment / "bin" / tool, *arguments], cwd=ROOT, env=variables, check=False).returncode


def prepare(purpose: str, python: str | None) -> Path:
    """Return an environment with what the purpose needs; when all is there, nothing is started to find that out."""
    environment = ROOT / (".venv" if python is None else f".venv-{Path(python).name.removeprefix('python')}")
    wanted = fingerprint()
    if is_prepared(environment, purpose, wanted):
        return environment
    say("installing what is needed into", environment.name)
    command = [find_uv(), "sync", "--frozen", "--inexact", "--quiet", *GROUPS[purpose]]
    variables = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(environment),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON": python or sys.executable,
    }
    if subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode != 0:
        raise CannotGoOnError(
            "The dependencies could not be installed (above is why). They come from PyPI, or from the index that "
            "UV_DEFAULT_INDEX names; a machine without network needs one of them within reach once."
        )
    stamp(environment, purpose).write_text(wanted)
    return environment


def is_prepared(environment: Path, purpose: str, wanted: str) -> bool:
    """Say whether the environment is up to date for the purpose, or for one that includes it."""
    purposes = list(GROUPS)
    stamps = [stamp(environment, wider) for wider in purposes[purposes.index(purpose) :]]
    has_python = (environment / "bin" / "python").exists()
    return has_python and any(path.exists() and path.read_text() == wanted for path in stamps)


def stamp(environment: Path, purpose: str) -> Path:
    """Return the file that notes what was installed for a purpose."""
    return environment / f".installed-{purpose}"


def fingerprint() -> str:
    """Return a text that changes whenever an environment has to be brought up to date."""
    files = (ROOT / "uv.lock", ROOT / "pyproject.toml")
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return " ".join([*digests, str(ROOT)])


def find_uv() -> str:
    """Return the pinned uv, installed here on the first call."""
    own = TOOLS / "bin" / "uv"
    for candidate in (str(own), shutil.which("uv")):
        if candidate is not None and uv_version(candidate) == UV_VERSION:
            return candidate
    say("installing uv", UV_VERSION, "into", TOOLS.name)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", TOOLS], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise CannotGoOnError(
            f"{sys.executable} cannot make a virtual environment; on Debian and Ubuntu that part of Python is a "
            f"package of its own: apt install python3-venv\n{made.stdout}{made.stderr}"
        )
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, "install", f"uv=={UV_VERSION}"], check=False).returncode != 0:
        raise CannotGoOnError("uv could not be installed (above is why); it comes from PyPI or from pip's own index.")
    return str(own)


def uv_version(path: str) -> str:
    """Return the version of a uv, or nothing if it does not run."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        return ""
    return said[1] if len(said) > 1 else ""


def find_python(wanted: str) -> str:
    """Return the path of an installed Python: ``3.13``, or ``newest`` of those the project supports."""
    for minor in range(NEWEST_MINOR, OLDEST_MINOR - 1, -1):
        if wanted not in {"newest", f"3.{minor}"}:
            continue
        for candidate in candidates(f"python3.{minor}"):
            if is_python(candidate, minor):
                return candidate
    raise CannotGoOnError(f"No Python {wanted} from 3.{OLDEST_MINOR} to 3.{NEWEST_MINOR} is installed here.")


def candidates(name: str) -> list[str]:
    """Return where a Python of this name may stand: on the path, or in the care of a version manager."""
    found = [shutil.which(name)]
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT", home / ".pyenv"))
    managed = (pyenv / "versions", home / ".local" / "share" / "uv" / "python", home / ".asdf" / "installs" / "python")
    for directory in managed:
        found += [str(path) for path in sorted(directory.glob(f"*/bin/{name}"), reverse=True)]
    return [path for path in found if path is not None]


def is_python(path: str, minor: int) -> bool:
    """Say whether a path is a Python of this minor version that runs; a manager's stand-in may not."""
    question = [path, "-c", "import sys; print(*sys.version_info[:2])"]
    return subprocess.run(question, capture_output=True, text=True, check=False).stdout.split() == ["3", str(minor)]


def say(*words: str) -> None:
    """Tell the person who waits what is going on, without mixing it into a tool's output."""
    print("develop.py:", *words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, OLDEST_MINOR):
        sys.exit("develop.py needs Python 3.11 or newer; this is " + sys.version.split()[0])
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotGoOnError as error:
        sys.exit("develop.py: " + str(error))
    except KeyboardInterrupt:
        sys.exit(130)
