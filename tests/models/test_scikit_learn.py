"""The typed base classes are scikit-learn's own when the code runs, and declare nothing that it lacks."""

import ast
import inspect
from pathlib import Path

import sklearn.base

from seqtag.models import scikit_learn


def test_the_bases_are_scikit_learns_own_and_what_is_declared_exists_there():
    declared = {
        node.name: [member for member in node.body if isinstance(member, ast.FunctionDef)]
        for node in ast.walk(ast.parse(Path(scikit_learn.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert set(declared) == set(scikit_learn.__all__)
    for name, methods in declared.items():
        theirs = getattr(sklearn.base, name)
        assert getattr(scikit_learn, name) is theirs
        for method in methods:
            parameters = inspect.signature(inspect.getattr_static(theirs, method.name).__get__(None, theirs)).parameters
            ours = [a.arg for a in method.args.args] + ([method.args.kwarg.arg] if method.args.kwarg else [])
            assert [*parameters] == [a for a in ours if a != "cls"], method.name
