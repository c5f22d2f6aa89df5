"""What the OpenAPI document says is what the service does: schemathesis makes requests from it, right and wrong ones.

`FUZZ_REQUESTS=5000 python -m pytest tests/serving -k "document or body"` sends so many of each kind.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from optional_tools import need

from seqtag.serving.app import make_app
from seqtag.serving.served_models import ServedModel
from seqtag.serving.settings import Limits, Settings

need("schemathesis")

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "60"))  # of each kind


@pytest.fixture(scope="module")
def address(
    served: dict[str, ServedModel], goes_on: dict[str, ServedModel], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    import schemathesis
    from uvicorn import Config, Server

    from seqtag.serving.server import ImpatientProtocol, listen

    opened = listen("127.0.0.1", 0)
    models = {**served, **goes_on}
    kept = tmp_path_factory.mktemp("kept") / "kept.jsonl"
    limits = Limits(body_bytes=200_000, characters=5_000)
    app = make_app(Settings(dict.fromkeys(models, ""), collect=str(kept), limits=limits), models=models)
    # What it imports late is compiled before there is a second thread: two that compile at once can fail in Python 3.11
    # (https://github.com/python/cpython/issues/106905).
    schemathesis.openapi.from_dict(app.openapi())
    server = Server(Config(app, http=ImpatientProtocol, ws="none", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    server.should_exit = True
    thread.join(30)
    opened.close()


@pytest.mark.parametrize("kind", ["POSITIVE", "NEGATIVE"])
@pytest.mark.filterwarnings("default")  # of schemathesis and what it imports
def test_the_service_does_what_its_document_says(address: str, kind: str):
    import schemathesis
    from schemathesis.checks import CHECKS, not_a_server_error
    from schemathesis.generation import GenerationMode

    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [found.ok() for found in document.get_all_operations() if found.ok().method == "post"]
    assert {operation.path for operation in operations} > {"/models/{name}/predict", "/analyze", "/webhook"}
    names = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
    checks = [not_a_server_error, *CHECKS.get_by_names(names)]
    statuses: Counter[int] = Counter()
    models = cycle(["ner", "mood", "lm", None])

    def check(case: Any) -> None:
        model = next(models)
        if model is not None and "name" in case.path_parameters:
            case.path_parameters["name"] = model  # which chance would not find
        response = case.call(base_url=address, timeout=20)
        statuses[response.status_code] += 1
        assert "Traceback" not in response.text
        case.validate_response(response, checks=checks)

    for number, operation in enumerate(operations):
        examples = settings(
            max_examples=-(-REQUESTS // len(operations)),
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        strategy = operation.as_strategy(generation_mode=GenerationMode[kind])
        seed(number)(examples(given(strategy)(check)))()
    print(f"{kind}: {statuses.total():,} requests, by status {dict(sorted(statuses.items()))}")
    assert statuses[200 if kind == "POSITIVE" else 422] > 0
