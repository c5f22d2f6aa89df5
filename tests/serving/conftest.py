"""The service with a tagger and a classifier, started once for all tests here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra serve: pip install 'seqtag[serve]'")
pytest.importorskip("prometheus_client", reason="needs the extra serve: pip install 'seqtag[serve]'")

from starlette.testclient import TestClient

from seqtag import LanguageModel
from seqtag.serving.app import make_app
from seqtag.serving.served_models import ServedModel
from seqtag.serving.settings import Settings


@pytest.fixture(scope="session")
def saved_language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = LanguageModel(hidden_size=8, bptt=10, batch_size=4, epochs=1, device="cpu")
    return model.fit(["to be or not to be"] * 40, watchers=()).save(tmp_path_factory.mktemp("models") / "lm")


@pytest.fixture(scope="session")
def goes_on(saved_language_model: Path) -> dict[str, ServedModel]:
    """A language model, served."""
    return {"lm": ServedModel("lm", str(saved_language_model))}


@pytest.fixture(scope="session")
def served(exported_tagger: Path, exported_classifier: Path) -> dict[str, ServedModel]:
    return {
        "ner": ServedModel("ner", str(exported_tagger), threads=1),
        "mood": ServedModel("mood", str(exported_classifier), threads=1),
    }


@pytest.fixture(scope="session")
def serve(served: dict[str, ServedModel], goes_on: dict[str, ServedModel]) -> Iterator[Callable[..., TestClient]]:
    """Start the service with settings of a test's own; what is started ends with the session."""
    clients: list[TestClient] = []

    def start(*, with_lm: bool = False, **settings: Any) -> TestClient:
        models = {**served, **goes_on} if with_lm else served
        app = make_app(Settings(models=dict.fromkeys(models, ""), **settings), models=models)
        client = TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def client(serve: Callable[..., TestClient]) -> TestClient:
    return serve()
