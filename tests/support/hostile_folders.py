"""Model folders as somebody with bad intentions would make them: changed, and with checksums that fit again."""

import hashlib
import json
from pathlib import Path
from typing import Any

from seqtag import store


def reseal(folder: Path, config: Any = None) -> None:
    """Make the hashes and sizes fit whatever is in the folder now; `config` replaces what stands in config.json."""
    config = json.loads((folder / "config.json").read_bytes()) if config is None else config
    config.pop("checksum", None)
    for name in config["files"] if isinstance(config.get("files"), dict) else ():
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            config["files"][name] = hashlib.sha256(content).hexdigest()
            if isinstance(config.get("sizes"), dict):
                config["sizes"][name] = len(content)
    config["checksum"] = store._checksum(config)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
