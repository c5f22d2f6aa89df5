"""`seqtag options`: what can be set when a model is trained, as the estimators declare it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqtag.cli.arguments import JsonFile
from seqtag.cli.config_file import toml_value
from seqtag.cli.output import show
from seqtag.cli.process import command
from seqtag.cli.tasks import TASKS
from seqtag.errors import UsageError, near_miss
from seqtag.reporting.figures import write_json

if TYPE_CHECKING:
    from seqtag.models.options import Option

EXAMPLES = (
    "seqtag options",
    "seqtag options Tagger",
    "seqtag options hidden_size",
    "seqtag options --json options.json",
    "seqtag options Tagger --toml > ner.toml",
)

_WIDTH = 80


@dataclass(frozen=True, slots=True)
class OptionList:
    """Options, by the name of the estimator that takes them."""

    groups: "Mapping[str, Sequence[Option]]"

    def __str__(self) -> str:
        blocks = []
        for name, group in self.groups.items():
            for topic, found in groupby(group, key=lambda option: option.topic):
                blocks.append("\n\n".join([f"{name}: {topic}", *map(_describe, found)]))
        return "\n\n\n".join(blocks)

    def to_text(self, form: str) -> str:
        """Give the options as JSON, the only form that they have."""
        assert form == ".json"
        return write_json({name: list(map(_record, group)) for name, group in self.groups.items()}) + "\n"


@command
def options(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Tagger, Classifier or LanguageModel, for all options of one; or the name of an option. Default: all "
            "options of all three.",
        ),
    ] = None,
    json_file: JsonFile = None,
    toml: Annotated[
        bool,
        typer.Option(
            "--toml",
            help="Write the options of one estimator, by default Tagger, as a file for `seqtag train --config`: all of "
            "them as comments, to be uncommented and changed.",
        ),
    ] = False,
) -> None:
    """List the options of the estimators, with their defaults, the values that they take and what they do.

    `seqtag train` sets them with --set: those of Tagger for --task tag, of Classifier for --task classify, of
    LanguageModel for --task lm. In Python they are the arguments of these classes.
    """
    if toml:
        print(config_template(name or "Tagger"), end="")
        return
    show(find_options(name), {} if json_file is None else {".json": json_file})


def config_template(name: str) -> str:
    """Write a file for `seqtag train --config` in which each option of an estimator stands as a comment."""
    groups = find_options(name).groups
    if len(groups) != 1:
        raise UsageError(f"--toml {name}: several estimators have this option; name one: {', '.join(groups)}")
    ((kind, options),) = groups.items()
    task = next(task for task in TASKS.values() if task.class_name == kind)
    lines = [f"# seqtag train --config FILE.toml: a {task.noun}", f'task = "{task.name}"', "# data = ", "# out = ", ""]
    lines += ["# The options of the model; take the sign away from those to change.", "[set]"]
    for option in options:
        lines += ["", *wrap(option.doc, _WIDTH, initial_indent="# ", subsequent_indent="# ")]
        lines += [f"#   takes {option.allowed}", f"# {option.name} = {toml_value(option.default)}"]
    return "".join(f"{line}\n" for line in lines)


def find_options(name: str | None) -> OptionList:
    """Find the options that a name means; UsageError, with the nearest name, if it means none.

    Estimators are found in any spelling, and an option by its words: `language-model`, `hidden-size`.
    """
    from seqtag.models.options import option_table

    groups = {kind.__name__: option_table(kind) for kind in (task.estimator() for task in TASKS.values())}
    if name is None:
        return OptionList(groups)
    plain = _plain(name)
    if found := {kind: options for kind, options in groups.items() if _plain(kind) == plain}:
        return OptionList(found)
    matches = {kind: [each for each in options if _plain(each.name) == plain] for kind, options in groups.items()}
    if found := {kind: options for kind, options in matches.items() if options}:
        return OptionList(found)
    known = dict.fromkeys([*groups, *(option.name for options in groups.values() for option in options)])
    raise UsageError(f"{name}: neither an estimator nor an option; {near_miss(name, known)}")


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _record(option: "Option") -> dict[str, Any]:
    return {name: getattr(option, name) for name in ("name", "topic", "default", "allowed", "doc")}


def _describe(option: "Option") -> str:
    lines = [f"  {option.name} = {option.default!r}"]
    for sentence in (option.doc, f"Takes {option.allowed}."):
        lines += wrap(sentence, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return "\n".join(lines)
