"""What pyproject.toml can't say: a list of modules carries no marker of types, so it is copied beside them."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithMarker(build_py):
    """Copy the modules, and py.typed, by which type checkers know that the hints inside are meant for them."""

    def run(self) -> None:
        """Fill the build folder."""
        super().run()
        self.copy_file("../../seqtag/py.typed", str(Path(self.build_lib, "seqtag", "py.typed")))


setup(cmdclass={"build_py": BuildWithMarker})
