"""The base classes of scikit-learn's, with types: it has none, and mypy takes any keyword argument for right where a
base class is of unknown type, so `Tagger(hiden_size=3)` would pass.
"""

from typing import TYPE_CHECKING, Any, TypeVar

Self = TypeVar("Self", bound="BaseEstimator")

if TYPE_CHECKING:

    class BaseEstimator:
        """What the estimators use of it."""

        @classmethod
        def _get_param_names(cls) -> list[str]: ...
        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """Give the constructor arguments by their names."""

        def set_params(self: Self, **params: Any) -> Self:
            """Set constructor arguments."""

        def __getstate__(self) -> dict[str, Any]: ...
        def __sklearn_clone__(self: Self) -> Self: ...

    class ClassifierMixin:
        """What marks a classifier."""

else:
    from sklearn.base import BaseEstimator, ClassifierMixin

__all__ = ["BaseEstimator", "ClassifierMixin"]
