"""Open tables through `datasets`: Parquet, Arrow, JSON and CSV files, saved folders, hub layouts and hub names.

Local files are read anew each time, into a folder that goes with the process: an old cache would show old data.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetDict, load_dataset, load_from_disk
from datasets.exceptions import DatasetsError

from seqtag.corpora.workspace import workspace
from seqtag.errors import DataError, UsageError

TABLE_ENDINGS = (".parquet", ".arrow", ".csv")
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


def is_saved(folder: Path) -> bool:
    """Say whether a folder was written by `save_to_disk`."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def saved_tables(folder: Path) -> Mapping[str, Dataset]:
    """Open a folder written by `save_to_disk`; a single dataset is the split train."""
    try:
        loaded = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise DataError(
            f"{folder}: can't be read as a saved dataset ({error}); save it again with save_to_disk"
        ) from error
    return loaded if isinstance(loaded, DatasetDict) else {"train": loaded}


def is_configured(folder: Path) -> bool:
    """Say whether a folder's README has the header by which the hub knows configurations and data files."""
    readme = folder / "README.md"
    if not readme.is_file():
        return False
    header = readme.read_text(encoding="utf-8", errors="replace").split("\n---", 1)[0]
    return header.startswith("---") and ("\nconfigs:" in header or "\ndataset_info:" in header)


def has_tables(folder: Path) -> bool:
    """Say whether a folder, or one right inside it, holds tables."""
    # no deeper: a look at the wrong folder would go through all that lies below
    folders = [folder, *(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))]
    return any(path.suffix in TABLE_ENDINGS + JSON_ENDINGS for each in folders for path in each.iterdir())


def table_folder(folder: Path, config: str | None) -> Mapping[str, Dataset]:
    """Open a local folder in hub layout."""
    return _load(str(folder), config, cache_dir=str(workspace()))


def hub_tables(name: str, config: str | None) -> Mapping[str, Dataset]:
    """Load a dataset from the hub by name, through the cache of `datasets`; UsageError where it can't be had."""
    try:
        return _load(name, config)
    except (FileNotFoundError, ConnectionError, TimeoutError) as error:
        raise UsageError(
            f"{name}: there is no such file or folder in {os.getcwd()}, and no data set of that name could be loaded "
            f"from the hub ({error}); check the path, or the name and the connection; offline, download the data set "
            "first and give its folder"
        ) from error


def table_file(path: Path, ending: str) -> Dataset:
    """Open one Parquet, Arrow, CSV or JSON file."""
    cache = str(workspace())
    try:
        if ending == ".arrow":
            return Dataset.from_file(str(path))
        if ending == ".parquet":
            return Dataset.from_parquet(str(path), cache_dir=cache)
        if ending == ".csv":
            return Dataset.from_csv(str(path), cache_dir=cache)
        return Dataset.from_json(str(path), cache_dir=cache)
    except (DatasetsError, OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise DataError(f"{path}: can't be read as {ending[1:]} ({_cause(error)}); write the file again") from error


def _load(name: str, config: str | None, **options: Any) -> Mapping[str, Dataset]:
    try:
        return load_dataset(name, config, **options)
    except (FileNotFoundError, ConnectionError, TimeoutError):
        if options:
            raise DataError(f"{name}: the folder holds no data files that `datasets` can read") from None
        raise
    except (DatasetsError, ValueError, RuntimeError, TypeError, OSError, pa.ArrowException) as error:
        advice = "choose a configuration with NAME:config=..." if "onfig" in str(error) else "convert it to Parquet"
        raise DataError(f"{name}: the data set can't be read ({_cause(error)}); {advice}") from error


def _cause(error: BaseException) -> str:
    """Give the message of what went wrong first: `datasets` wraps it once or twice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split()) or type(error).__name__
