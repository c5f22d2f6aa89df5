"""The programs `seqtag` and `forked-python` for tests: a process that has imported everything forks for each call.

Importing torch takes longer than most commands of a page do. Each call is a process of its own all the same, with its
own arguments, folder, environment, standard streams, signals and exit code. What a test says about the imports, or the
memory, of a fresh interpreter needs a fresh one; the seed of hashes is that of the server, and not that of the tests.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import reload
from pathlib import Path

import huggingface_hub.constants

_CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode() + b"\\n"
    socket.send_fds(server, [call], [0, 1, 2])
    process = int.from_bytes(server.recv(4), "big")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: os.kill(process, number))
    code = server.recv(1)
sys.exit(code[0] if code else 1)
"""
_PROGRAMS = ("seqtag", "forked-python")


@contextmanager
def forked_commands() -> Iterator[Path]:
    """Give a folder for PATH that holds the programs, as long as the block runs."""
    # A folder of its own and not pytest's: the address of a socket has room for about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="seqtag-") as name:
        address = str(Path(name) / "socket")
        for client in (Path(name) / program for program in _PROGRAMS):
            client.write_text(_CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
            client.chmod(client.stat().st_mode | stat.S_IXUSR)
        repository = str(Path(__file__).resolve().parents[2])
        hash_seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
        environment = {**os.environ, "PYTHONPATH": repository, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, __file__, address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            yield Path(name)
            server.stdin.close()  # which ends it; so does the end of this process, however that comes


def _serve(address: str) -> None:
    import datasets
    import sklearn.pipeline
    import spacy
    from accelerate.state import AcceleratorState
    from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

    import seqtag.cli
    from seqtag import LanguageModel

    assert all((datasets, sklearn.pipeline, spacy, LanguageModel))
    # What training imports late, and what libraries look up once in a process.
    tiny_tagger(epochs=1).fit(TOKENS, TAGS, watchers=())
    tiny_classifier(epochs=1).fit(TEXTS, LABELS, watchers=())
    AcceleratorState._reset_state(
        reset_partial_state=True
    )  # a child may be one of several processes that train together
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(connection, seqtag.cli.main)
            connection.close()


def _answer(connection: socket.socket, seqtag_main: Callable[[list[str]], object]) -> None:
    received, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not received.endswith(b"\n"):
        received += connection.recv(1 << 20)
    (program, *arguments), folder, environment = json.loads(received)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _begin_as_a_fresh_process()
    connection.send(os.getpid().to_bytes(4, "big"))
    code = 1
    try:
        if Path(program).name == "seqtag":
            seqtag_main(arguments)
        else:
            _run_python(arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BrokenPipeError):
            sys.stdout.flush()
        connection.send(bytes([code]))
        connection.close()
    sys.exit(code)


def _begin_as_a_fresh_process() -> None:
    """Set up what an interpreter has of its environment when it starts."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tempfile.tempdir = None
    reload(huggingface_hub.constants)
    encoding = os.environ.get("PYTHONIOENCODING") or "utf-8"
    for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
        errors = "backslashreplace" if name == "stderr" else "strict"
        setattr(sys, name, open(number, mode, encoding=encoding, errors=errors, closefd=False))  # noqa: SIM115


def _run_python(arguments: list[str]) -> None:
    """Do what `python -m MODULE ...` or `python SCRIPT ...` does."""
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    _serve(sys.argv[1])
