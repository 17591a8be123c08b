"""Imports go one way only (docs/DESIGN.md, section 1)."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import planner

ROOT = Path(planner.__file__).parent
LAYERS = {
    "errors": 1,
    "data": 2,
    "core": 3,
    "solvers": 4,
    **dict.fromkeys(("frontend", "zoo", "files", "planfmt", "boards", "profiling", "report"), 5),
    "workflow": 6,
    "cli": 7,
}
SOLVER_LIBRARIES = {"ortools", "pulp", "highspy"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def imported_names(tree: ast.Module) -> Iterator[str]:
    """Dotted names of all that a module imports, wherever it does; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_modules(name: str, executed: bool = False) -> set[str]:
    """The modules of planner that a module names in its imports; if `executed`, without those for annotations alone."""
    tree = MODULES[name]
    if executed:
        tree = ast.Module([node for node in tree.body if not guarded_by(node, "TYPE_CHECKING")], [])
    candidates = ((imported, imported.rpartition(".")[0]) for imported in imported_names(tree))
    found = {next((module for module in pair if module in MODULES), "planner") for pair in candidates}
    return found - {name, "planner"}


def guarded_by(node: ast.stmt, condition: str) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == condition


def package(name: str) -> str:
    return name.split(".")[1]


def cycles(imports: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """What remains when everything is taken away that builds only on what was taken away before."""
    remaining = dict(imports)
    while free := {name for name, needs in remaining.items() if not needs & remaining.keys()}:
        remaining = {name: needs for name, needs in remaining.items() if name not in free}
    return remaining


def test_every_package_has_a_layer() -> None:
    assert {package(name) for name in MODULES if name != "planner"} <= LAYERS.keys()


@pytest.mark.parametrize("name", sorted(MODULES.keys() - {"planner"}))
def test_imports_go_upwards(name: str) -> None:
    breaches = {module for module in imported_modules(name) if LAYERS[package(module)] > LAYERS[package(name)]}
    assert not breaches


def test_no_module_cycles() -> None:
    assert not cycles({name: imported_modules(name, executed=True) for name in MODULES})


def test_no_package_cycles() -> None:
    """Within a layer, too, packages build on each other in one direction."""
    imports: dict[str, set[str]] = {}
    for name in MODULES.keys() - {"planner"}:
        others = {package(module) for module in imported_modules(name)} - {package(name)}
        imports.setdefault(package(name), set()).update(others)
    assert not cycles(imports)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_solvers_import_solver_libraries(name: str) -> None:
    libraries = {imported.split(".")[0] for imported in imported_names(MODULES[name])} & SOLVER_LIBRARIES
    assert not libraries or package(name) == "solvers"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_the_cli_prints_or_exits(name: str) -> None:
    """Development tools that are run with `python -m` may do so in their last block."""
    if name != "planner" and package(name) == "cli":
        return
    statements = [node for node in MODULES[name].body if not guarded_by(node, "__name__ == '__main__'")]
    for node in (inner for statement in statements for inner in ast.walk(statement)):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in {"print", "input", "exit", "quit", "sys.exit", "typer.echo"}
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in {"sys.argv", "sys.stdout", "sys.stderr"}
