"""What the service is told at its start: which models, and how much one client may ask for."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a request and of what waits; whatever is larger is refused with a plain answer."""

    body_bytes: int = 8_000_000
    texts: int = 1_000  # texts or token lists in one request that is no stream
    characters: int = 1_000_000  # of a request in all; of a line where a request is a stream
    queue_characters: int = 4_000_000  # waiting for a model; a request beyond is told to come later
    seconds: float = 60.0  # that a request may take to arrive, and again to be answered
    batch_characters: int = 20_000  # that go through a network together, where several requests wait
    batch_wait: float = 0.0  # seconds that a request waits for company although the model is idle


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a worker process has to know; goes to each as JSON."""

    models: Mapping[str, str]  # folder or hub name, by the name under which the model is served
    host: str = "127.0.0.1"
    token: str | None = None  # that a request must bring; None: anybody who reaches the port may ask
    origins: tuple[str, ...] = ()  # of pages of other hosts that a browser may let ask
    engine: str | None = None
    threads: int | None = None  # cores per model; None: all
    collect: str | None = None  # the file to which corrected texts are appended
    has_page: bool = True
    logs_json: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach the service."""
        return self.host in ("127.0.0.1", "localhost", "::1")

    def dumped(self) -> str:
        """Write the settings as JSON, for a process of its own."""
        return json.dumps(asdict(self))

    @classmethod
    def parsed(cls, dumped: str) -> "Settings":
        """Read what `dumped` wrote."""
        values = json.loads(dumped)
        values["limits"] = Limits(**values["limits"])
        values["origins"] = tuple(values["origins"])
        return cls(**values)
