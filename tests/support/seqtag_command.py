"""A `seqtag` command for shell scripts in tests: a process that has imported everything forks for each call.

Importing torch takes longer than most commands of a page do. Each call is a process of its own all the same, with its
own arguments, folder, environment, standard streams and exit code.
"""

import gc
import json
import os
import select
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode() + b"\\n"
    socket.send_fds(server, [call], [0, 1, 2])
    code = server.recv(1)
sys.exit(code[0] if code else 1)
"""


@contextmanager
def seqtag_command() -> Iterator[Path]:
    """Give a folder for PATH that holds `seqtag`, as long as the block runs."""
    # A folder of its own and not pytest's: the address of a socket has room for about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="seqtag-") as name:
        address, client = str(Path(name) / "socket"), Path(name) / "seqtag"
        client.write_text(_CLIENT.format(python=sys.executable, address=address), encoding="utf-8")
        client.chmod(client.stat().st_mode | stat.S_IXUSR)
        repository = str(Path(__file__).resolve().parents[2])
        environment = {**os.environ, "PYTHONPATH": repository}
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
    from tiny import LABELS, TAGS, TEXTS, TOKENS, tiny_classifier, tiny_tagger

    import seqtag.cli
    from seqtag import LanguageModel

    assert all((datasets, sklearn.pipeline, spacy, LanguageModel))
    # What training imports late, and what libraries look up once in a process.
    tiny_tagger(epochs=1).fit(TOKENS, TAGS, watchers=())
    tiny_classifier(epochs=1).fit(TEXTS, LABELS, watchers=())
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
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection, seqtag.cli.main)
            connection.close()


def _answer(connection: socket.socket, main) -> None:
    received, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    while not received.endswith(b"\n"):
        received += connection.recv(1 << 20)
    arguments, folder, environment = json.loads(received)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        main(arguments)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        connection.send(bytes([code]))
        connection.close()
    sys.exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
