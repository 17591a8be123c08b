"""Carries the runtime's sources, the profiles and the instances into the package; all else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("instances", "profiles", "runtime_c")


class BuildWithShippedFiles(build_py):
    """Copies the shipped folders to `planner/_shipped`; an editable install uses those of the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in SHIPPED:
            target = Path(self.build_lib) / "planner" / "_shipped" / folder
            shutil.copytree(folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("build", "__pycache__"))


setup(cmdclass={"build_py": BuildWithShippedFiles})
