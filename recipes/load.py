"""Ask a service as many clients do, and say what it takes: python recipes/load.py MODEL TEXTS.txt

Starts `seqtag serve MODEL` on this machine, sends the lines of TEXTS.txt as short requests (a line each) and long ones
(`--long` lines each) from 1, 8, 32 and 128 clients, and prints requests and tokens per second, latency, and the memory
of the service, beside `predict_spans` of the same texts in one process. `--spacy PIPELINE` measures the service of a
few lines that people write around spaCy in the same way; `--soak N` sends N short requests and looks at the memory.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from seqtag.runtime import load

# What a user of spaCy writes by hand: one request after the other, no limits.
SPACY_SERVICE = """
import spacy
from fastapi import FastAPI
from pydantic import BaseModel
nlp, app = spacy.load({pipeline!r}), FastAPI()
class Body(BaseModel):
    texts: list[str]
@app.post("/models/m/predict")
def predict(body: Body):
    return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(body.texts)]
@app.get("/health")
def health():
    return "UP"
"""


@contextmanager
def service(command: Sequence[str], port: int) -> Iterator[int]:
    """Run a service until it is healthy, give its process, and end it."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stderr=log)
        try:
            for _ in range(600):
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
                if process.poll() is not None:
                    log.seek(0)
                    sys.exit(log.read().decode())
            yield process.pid
        finally:
            process.terminate()
            process.wait(90)


def memory(process: int) -> int:
    """Give the resident memory of a process and its children in bytes."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return pages * os.sysconf("SC_PAGESIZE") + sum(memory(int(child)) for child in children)


async def ask(port: int, bodies: Sequence[bytes], clients: int, *, seconds: float, most: int, bar=lambda: None):
    """Send bodies in turn from several clients for a while; give the latency of each and the seconds in all."""
    latencies: list[float] = []
    waiting = iter(range(most))
    # A session per client, made before the clock runs: a shared one looks through all its connections for each request.
    address = f"http://127.0.0.1:{port}"
    sessions = [httpx.AsyncClient(base_url=address, timeout=120, verify=False) for _ in range(clients)]
    began = time.perf_counter()

    async def client(session: httpx.AsyncClient) -> None:
        for number in waiting:
            asked = time.perf_counter()
            if asked > began + seconds:
                return
            answer = await session.post("/models/m/predict", content=bodies[number % len(bodies)], headers=JSON)
            answer.raise_for_status()
            latencies.append(time.perf_counter() - asked)
            bar()

    await asyncio.gather(*map(client, sessions))
    lasted = time.perf_counter() - began
    await asyncio.gather(*(session.aclose() for session in sessions))
    return latencies, lasted


JSON = {"content-type": "application/json"}


def bodies_of(texts: Sequence[str], size: int) -> list[bytes]:
    """Write requests with so many texts each."""
    return [json.dumps({"texts": texts[i : i + size]}).encode() for i in range(0, len(texts) - size + 1, size)]


def measure(name: str, process: int, port: int, args: argparse.Namespace, tokens: float, table: Table) -> None:
    """Add the rows of one service: short and long requests, few clients and many."""
    for kind, size in (("short", 1), ("long", args.long)):
        bodies = bodies_of(args.lines, size)
        asyncio.run(ask(port, bodies, 2, seconds=1, most=50))
        for clients in args.clients:
            latencies, seconds = asyncio.run(ask(port, bodies, clients, seconds=args.seconds, most=10**9))
            ordered = sorted(latencies)
            row = {
                "service": name,
                "texts per request": size,
                "clients": clients,
                "requests/s": len(ordered) / seconds,
                "tokens/s": len(ordered) * size * tokens / seconds,
                "p50 ms": 1000 * ordered[len(ordered) // 2],
                "p99 ms": 1000 * ordered[int(len(ordered) * 0.99)],
                "memory MB": memory(process) / 1e6,
            }
            args.results.append(row)
            table.add_row(
                name, kind, *(f"{value:,.0f}" if value > 20 else f"{value:.1f}" for value in list(row.values())[2:])
            )


def soak(process: int, port: int, bodies: Sequence[bytes], requests: int) -> list[float]:
    """Send many requests, and look at the memory ten times on the way."""
    sizes = [memory(process) / 1e6]
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("soak", total=requests)
        for _ in range(10):
            step = asyncio.run(
                ask(port, bodies, 8, seconds=1e9, most=requests // 10, bar=lambda: progress.advance(task))
            )
            assert len(step[0]) == requests // 10
            sizes.append(memory(process) / 1e6)
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a folder with an exported model")
    parser.add_argument("texts", help="a file with a text per line")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--seconds", type=float, default=5, help="for each row of the table")
    parser.add_argument("--long", type=int, default=20, help="texts in a long request")
    parser.add_argument("--workers", default="1", help="processes of the service")
    parser.add_argument("--threads", type=int, help="cores per prediction, of the service and of the plain loop")
    parser.add_argument("--spacy", metavar="PIPELINE", help="a pipeline folder of spaCy to measure beside it")
    parser.add_argument("--soak", type=int, default=0, metavar="N", help="send N short requests at the end")
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    args.lines = [line for line in Path(args.texts).read_text(encoding="utf-8").splitlines() if line.strip()]
    args.results = []

    tagger = load(args.model, threads=args.threads)
    counted = sum(len(tokens) for _, sentences in tagger.tag_texts(args.lines) for tokens, _, _ in sentences)
    tagger.predict_spans(args.lines)
    began = time.perf_counter()
    tagger.predict_spans(args.lines)
    plain = counted / (time.perf_counter() - began)
    del tagger

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    table = Table("service", "requests", "clients", "requests/s", "tokens/s", "p50 ms", "p99 ms", "memory MB")
    command = [
        sys.executable,
        "-m",
        "seqtag.cli",
        "serve",
        f"m={args.model}",
        "--port",
        str(port),
        "--workers",
        args.workers,
    ]
    if args.threads:
        command += ["--threads", str(args.threads)]
    with service(command, port) as process:
        measure("seqtag", process, port, args, counted / len(args.lines), table)
        sizes = soak(process, port, bodies_of(args.lines, 1), args.soak) if args.soak else []
    if args.spacy:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "by_hand.py").write_text(SPACY_SERVICE.format(pipeline=str(Path(args.spacy).resolve())))
            command = [
                sys.executable,
                "-m",
                "uvicorn",
                "by_hand:app",
                "--app-dir",
                folder,
                "--port",
                str(port),
                "--log-level",
                "error",
            ]
            with service(command, port) as process:
                measure("spaCy by hand", process, port, args, counted / len(args.lines), table)
    console = Console(width=110)
    console.print(table)
    console.print(f"predict_spans of the same texts in one process: {plain:,.0f} tokens/s")
    if sizes:
        console.print(f"memory over {args.soak:,} requests, MB: {', '.join(f'{size:.0f}' for size in sizes)}")
    if args.json:
        report = {"plain_tokens_per_second": plain, "rows": args.results, "soak_megabytes": sizes}
        Path(args.json).write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
