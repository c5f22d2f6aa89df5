"""The service with a tagger and a classifier, started once for all tests here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the extra serve: pip install 'seqtag[serve]'")
pytest.importorskip("prometheus_client", reason="needs the extra serve: pip install 'seqtag[serve]'")

from starlette.testclient import TestClient

from seqtag.serving.app import make_app
from seqtag.serving.served_models import ServedModel
from seqtag.serving.settings import Settings


@pytest.fixture(scope="session")
def served(exported_tagger: Path, exported_classifier: Path) -> dict[str, ServedModel]:
    return {
        "ner": ServedModel("ner", str(exported_tagger), threads=1),
        "mood": ServedModel("mood", str(exported_classifier), threads=1),
    }


@pytest.fixture(scope="session")
def serve(served: dict[str, ServedModel]) -> Iterator[Callable[..., TestClient]]:
    """Start the service with settings of a test's own; what is started ends with the session."""
    clients: list[TestClient] = []

    def start(**settings: Any) -> TestClient:
        app = make_app(Settings(models=dict.fromkeys(served, ""), **settings), models=served)
        client = TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False)
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def client(serve: Callable[..., TestClient]) -> TestClient:
    return serve()
