"""Read series of numbers as a model does: features by name, shifted in 64 bits, then in the 32 bits of networks.

Unix seconds of one day are one and the same number in 32 bits; with the mean of the training data subtracted first they
are not. Knows nothing of texts.
"""

# N steps of all series, T steps of a series, D features

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtag.errors import DataError, UsageError

logger = logging.getLogger("seqtag")

_LEAST_SPREAD = 1e-14  # beside the size of a feature: what varies less varies by the rounding of 64 bits
_OTHER_KINDS = {"c": "complex numbers", "M": "dates", "m": "lengths of time"}


@dataclass(frozen=True, slots=True, eq=False)
class SeriesLayout:
    """What training found out about series of numbers, by which every later series is read."""

    shift_D: np.ndarray  # float64: what is subtracted from each feature, its mean in training
    names: tuple[str, ...] | None = None  # of the features, where data frames had names for them

    @classmethod
    def learn(cls, series: Sequence[np.ndarray], names: tuple[str, ...] | None) -> "tuple[SeriesLayout, np.ndarray]":
        """Take mean and deviation, both (D,), of the features of checked series, which have a step at least.

        A constant feature has the deviation 1: divided by next to nothing, another value of it would drown the others.
        """
        values_ND = np.concatenate(series, dtype=np.float64)
        mean_D, spread_D = values_ND.mean(0), values_ND.std(0)
        least_D = np.maximum(_LEAST_SPREAD * np.abs(mean_D), np.finfo(np.float32).tiny)
        for feature in np.flatnonzero((spread_D <= least_D) & (np.ptp(values_ND, 0) > 0)):
            logger.warning(
                "feature %s of the series varies by %.3g around %.10g, which is too little for numbers of 64 bits; it "
                "counts as a constant: subtract a fixed number from it, or multiply it, here and in prediction",
                feature if names is None else repr(names[feature]),
                np.ptp(values_ND[:, feature]),
                mean_D[feature],
            )
        return cls(mean_D, names), np.where(spread_D > least_D, spread_D, 1.0)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any] | None, num_features: int) -> "SeriesLayout":
        """Read what `to_dict` gave; None, of a model of an earlier release, subtracts nothing.

        Raises ValueError where it is of another width than the network.
        """
        if stored is None:
            return cls(np.zeros(num_features))
        if len(stored["shift"]) != num_features:
            raise ValueError(f"config.json shifts {len(stored['shift'])} features, and the network has {num_features}")
        names = stored.get("names")
        return cls(np.array(stored["shift"], np.float64), None if names is None else tuple(names))

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        named = {} if self.names is None else {"names": list(self.names)}
        return {"shift": self.shift_D.tolist(), **named}

    def read(self, rows: Sequence[Any], verb: str, *, first: int = 1) -> list[np.ndarray]:
        """Check series and give them as the network reads them, each (T, D) in float32."""
        series = series_rows(rows, verb, first=first, names=self.names)
        if series and series[0].shape[1] != len(self.shift_D):
            found = f"the series have {series[0].shape[1]} features per step, those of the training data"
            raise DataError(f"{verb}: {found} {len(self.shift_D)}; give each step the same ones, in the same order")
        return self.centred(series, verb, first=first)

    def centred(self, series: Sequence[np.ndarray], verb: str, *, first: int = 1) -> list[np.ndarray]:
        """Shift checked series in float64, then give them in float32."""
        with np.errstate(over="ignore"):
            centred = [(values_TD - self.shift_D).astype(np.float32) for values_TD in series]
        for number, (values_TD, given_TD) in enumerate(zip(centred, series), first):
            if not np.isfinite(values_TD).all():
                step = int(np.flatnonzero(~np.isfinite(values_TD).all(1))[0])
                raise DataError(
                    f"{verb}: series number {number}, step {step + 1} holds {given_TD[step]}, which is too large for "
                    "numbers of 32 bits, with which networks calculate; give it in a larger unit"
                )
        return centred


def feature_names(rows: Sequence[Any]) -> tuple[str, ...] | None:
    """Give the names that the first data frame among some series has for its columns, None where no frame names them.

    Columns that are only counted, as pandas does for an array, have no names.
    """
    return next((names for names in map(_names_of, rows) if names is not None), None)


def _names_of(row: Any) -> tuple[str, ...] | None:
    if not hasattr(row, "columns") or not hasattr(row, "to_numpy"):
        return None
    given = list(row.columns)
    return None if given == list(range(len(given))) else tuple(map(str, given))


def series_rows(
    rows: Sequence[Any], verb: str, *, first: int = 1, names: tuple[str, ...] | None = None
) -> list[np.ndarray]:
    """Check series: each (T, D) with one D, all finite; in float64.

    The columns of data frames go by `names`, which are those of the first frame unless a model has some already.
    """
    names = feature_names(rows) if names is None else names
    series: list[np.ndarray] = []
    for number, row in enumerate(rows, first):
        where = f"{verb}: series number {number}"
        values_TD = _numbers(_in_order(row, names, where), where, f"{verb}: row {number}")
        if values_TD.ndim != 2 or not values_TD.shape[1]:
            raise UsageError(
                f"{where} has the shape {values_TD.shape}; it must be (steps, features), "
                "so give all of them as an array (series, steps, features) or a list of arrays"
            )
        if series and values_TD.shape[1] != series[0].shape[1]:
            raise DataError(
                f"{where} has {values_TD.shape[1]} features per step, number {first} has "
                f"{series[0].shape[1]}; each step of each series needs the same ones"
            )
        if not np.isfinite(values_TD).all():
            step = int(np.flatnonzero(~np.isfinite(values_TD).all(1))[0])
            raise DataError(f"{where}, step {step + 1} holds {values_TD[step]}; mend or fill it")
        series.append(values_TD)
    return series


def _in_order(row: Any, names: tuple[str, ...] | None, where: str) -> Any:
    """Bring the columns of a data frame into the order of `names`; other rows, and frames without names, stay."""
    found = _names_of(row)
    if found is None or names is None:
        return row
    if len(set(found)) < len(found):
        raise DataError(f"{where} has several columns of one name: {', '.join(found)}; rename them")
    if sorted(found) != sorted(names):
        faults = [
            f"{what} {', '.join(map(repr, those))}"
            for what, those in (
                ("lacks", [name for name in names if name not in found]),
                ("has besides", [name for name in found if name not in names]),
            )
            if those
        ]
        raise DataError(
            f"{where} {' and '.join(faults)}; each series needs the columns {', '.join(names)}, in any order"
        )
    given = list(row.columns)
    return row[[given[found.index(name)] for name in names]]


def refuse_masked(values: Any, problem: str) -> None:
    """Raise UsageError for an array of numpy that has a mask, whether or not it masks a value."""
    if isinstance(values, np.ma.MaskedArray):
        raise UsageError(f"{problem}, and what is masked would count; fill it: array.filled(value)")


def _numbers(row: Any, where: str, what: str) -> np.ndarray:
    for part in (row, *(row if isinstance(row, (list, tuple)) else ())):
        refuse_masked(part, f"{where} is a masked array")
    try:
        kind = np.asarray(row).dtype.kind
        values = np.zeros(0) if kind in _OTHER_KINDS else np.asarray(row, np.float64)
    except (ValueError, TypeError):
        raise UsageError(
            f"{what} is neither a text, a list of tokens nor an array of numbers (steps, features)"
        ) from None
    if kind in _OTHER_KINDS:
        raise UsageError(
            f"{where} holds {_OTHER_KINDS[kind]}; turn them into numbers of one unit first, as seconds are"
        )
    return values
