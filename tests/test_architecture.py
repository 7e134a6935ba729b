"""The shape of the repository: who imports whom, what is not allowed, and how fast the package imports."""

import ast
import graphlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module, or package, of creme_core imports only from those before it. A new one gets its place here.
LAYERS = """
sequence tiles shuffle home web downloads genome annotation gencode remote_genome locus mutant effects models
database store predictor greedy motifs saliency experiments signals published evidence vetting
demo sources selfcheck cohort cli __main__
"""
ORDER = LAYERS.split()

# These use the package as anybody does, by its public names.
OUTERMOST = ("cohort", "cli", "__main__")
STREAMLIT_ALLOWED = ("views/", "app.py", "data.py", "jobs.py", "state.py", "widgets.py")
TORCH_ALLOWED = ("models/", "demo/")
FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
LONGEST_FILE = 400
IMPORT_SECONDS = 0.3


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """creme_core/models/base.py -> creme_core.models.base; a package's __init__.py -> the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield every imported module, wherever it is imported; `from a import b` yields a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide who imports whom"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def imports_package(path: Path, package: str) -> bool:
    return any(name.split(".")[0] == package for name in imported(parse(path)))


def relative(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


CORE = python_files("creme_core")
DASHBOARD = python_files("dashboard")
EVERYTHING = [*CORE, *DASHBOARD, *python_files("tests")]


def core_imports(path: Path) -> set[str]:
    """Return the modules of creme_core that a file of it imports; creme_core.__version__ is nobody's."""
    modules = {module_name(path) for path in CORE}
    targets = set()
    for name in imported(parse(path)):
        if name.split(".")[0] == "creme_core" and name != "creme_core.__version__":
            parts = name.split(".")
            # The longest prefix that is a module: creme_core.models.base.check_tracks means creme_core.models.base.
            targets.add(next(m for m in (".".join(parts[:n]) for n in range(len(parts), 0, -1)) if m in modules))
    return targets


def test_every_module_has_its_place_in_the_order():
    places = {module_name(path).split(".")[1] for path in CORE if path != ROOT / "creme_core" / "__init__.py"}
    assert places - set(ORDER) == set()


@pytest.mark.parametrize("path", CORE, ids=relative(CORE))
def test_module_imports_only_from_above(path):
    targets = core_imports(path)
    if module_name(path) == "creme_core":
        assert targets == set()
        return
    own = module_name(path).split(".")[1]
    above = ORDER[: ORDER.index(own) + 1]  # within a package, the next test speaks
    if own in OUTERMOST:
        targets.discard("creme_core")
    assert [target for target in targets if target == "creme_core" or target.split(".")[1] not in above] == []


def test_no_module_imports_itself_by_way_of_others():
    graph = {module_name(path): core_imports(path) - {module_name(path)} for path in CORE}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the cycle


def test_core_knows_nothing_of_the_dashboard():
    for package in ("dashboard", "streamlit", "plotly"):
        assert relative([path for path in CORE if imports_package(path, package)]) == []


def test_streamlit_stays_in_the_pages_and_four_modules():
    users = [
        path.relative_to(ROOT / "dashboard").as_posix() for path in DASHBOARD if imports_package(path, "streamlit")
    ]
    assert users  # the test sees imports at all
    assert [user for user in users if not user.startswith(STREAMLIT_ALLOWED)] == []


def test_torch_stays_in_models_and_demo():
    users = [path.relative_to(ROOT / "creme_core").as_posix() for path in CORE if imports_package(path, "torch")]
    assert users
    assert [user for user in users if not user.startswith(TORCH_ALLOWED)] == []


@pytest.mark.parametrize("path", EVERYTHING, ids=relative(EVERYTHING))
def test_nothing_is_unpickled_or_evaluated(path):
    tree = parse(path)
    assert not {name.split(".")[0] for name in imported(tree)} & FORBIDDEN_IMPORTS
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        where = f"line {node.lineno}"
        assert not (isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec")), where
        for keyword in node.keywords:
            is_true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            is_false = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            assert not (keyword.arg == "allow_pickle" and not is_false), where
            assert not (keyword.arg == "weights_only" and not is_true), where


@pytest.mark.parametrize("path", EVERYTHING, ids=relative(EVERYTHING))
def test_files_are_short_and_say_what_they_hold(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    assert not set(path.stem.lower().split("_")) & FORBIDDEN_NAMES


@pytest.mark.parametrize("path", CORE, ids=relative(CORE))
def test_public_names_are_listed(path):
    tree = parse(path)
    names = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    public = [name for name in names if not name.startswith("_")]
    if path.name == "__main__.py" or not public:
        return
    assigned = [ast.unparse(target) for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    assert "__all__" in assigned


def test_every_public_name_can_be_had():
    creme = importlib.import_module("creme_core")
    assert sorted(creme.__all__) == list(creme.__all__)
    for name in creme.__all__:
        assert getattr(creme, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'necesity'"):
        _ = creme.necesity


def test_importing_the_package_is_fast_and_loads_nothing_heavy():
    program = (
        "import sys, time; start = time.perf_counter(); import creme_core; seconds = time.perf_counter() - start;"
        "heavy = {'torch', 'pandas', 'numba', 'scipy', 'streamlit', 'enformer_pytorch'} & set(sys.modules);"
        "print(seconds, *heavy)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
        for _ in range(3)
    ]
    seconds, heavy = zip(*(run.stdout.strip().partition(" ")[::2] for run in runs), strict=True)
    assert set(heavy) == {""}
    assert min(map(float, seconds)) < IMPORT_SECONDS
