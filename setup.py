"""Put the examples into a package that is built; all else stands in pyproject.toml."""

from pathlib import Path
from shutil import copytree, ignore_patterns

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithExamples(build_py):
    """Copy ``examples`` into the package; a checkout that is installed editable has its own."""

    def run(self) -> None:
        """Build the package, then copy."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "glasscast" / "examples"
            left_out = ignore_patterns("__pycache__", "*.egg-info", "build")
            copytree("examples", target, ignore=left_out, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithExamples})
