"""The command line as a module, for `python -m seqtag.cli` and `accelerate launch -m seqtag.cli`."""

from seqtag.cli.app import main

if __name__ == "__main__":
    main()
