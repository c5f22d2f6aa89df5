"""What pyproject.toml can't say: a wheel carries the top folder data/ as seqtag/data.

A mapping of packages to folders could say it too, but then an editable install puts a hook into the import system that
hides the package from type checkers and editors. Without one, `pip install -e .` adds the clone to Python's path.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CORPORA = ("*.conll", "README.md", "LICENSE", "sentiment/*.csv", "sentiment/README.md")


class BuildWithCorpora(build_py):
    """Copy the modules, and the corpora beside them; an editable install finds the corpora in the clone."""

    def run(self) -> None:
        """Fill the build folder."""
        super().run()
        if not self.editable_mode:
            for path in sorted(path for pattern in CORPORA for path in Path("data").glob(pattern)):
                target = Path(self.build_lib, "seqtag", path)
                self.mkpath(str(target.parent))
                self.copy_file(str(path), str(target))


setup(cmdclass={"build_py": BuildWithCorpora})
