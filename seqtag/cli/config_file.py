"""Options of a command from a TOML file: what the command line leaves open, the file says; and such files written."""

import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from seqtag.errors import near_miss

_SET = "set"  # the table of a file that stands for --set KEY=VALUE, and the option itself
_WORDS = ("none", "null")


def read_config(ctx: typer.Context, path: Path | None) -> Path | None:
    """Take the defaults of a command's options from a file; typer.BadParameter for what is no option of it.

    Keys are the names of options, with hyphens or underscores, and of arguments as the help page shows them; the table
    `set` holds the options of the model, which `train` takes as --set KEY=VALUE.
    """
    if path is None:
        return None
    names = {_long_name(parameter): parameter for parameter in ctx.command.params if parameter.name != "config"}
    shown = {_shown_name(parameter): parameter for parameter in ctx.command.params}
    names |= {name: parameter for name, parameter in shown.items() if name.isidentifier() and name not in names}
    defaults: dict[str, Any] = {}
    for key, value in _parse(path).items():
        name = key.replace("-", "_")
        if name not in names:
            raise typer.BadParameter(f"{path}: {key!r} is no option of {ctx.info_name}; {near_miss(name, names)}")
        parameter = names[name]
        if name == _SET and isinstance(value, Mapping):
            ctx.meta[_SET] = (
                str(parameter.name),
                {each: f"{each}={_setting(setting)}" for each, setting in value.items()},
            )
            continue
        elif isinstance(value, Mapping) or (
            isinstance(value, list) and not parameter.multiple and parameter.nargs == 1
        ):
            raise typer.BadParameter(f"{path}: {key} = {value!r} is not understood; it takes one value")
        defaults[str(parameter.name)] = value
    ctx.default_map = {**(ctx.default_map or {}), **defaults}
    return path


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        callback=read_config,
        is_eager=True,
        help="Options from a file: key = value, by the names of the options here, and for `train` those of the model "
        "in a table \\[set]. What the command line says counts more. `seqtag options --toml` writes such a file.",
    ),
]


def with_config(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option --config beside its own."""

    @wraps(function)
    def run(*args: Any, ctx: typer.Context, config: Path | None = None, **kwargs: Any) -> Any:
        if _SET in ctx.meta:
            option, of_file = ctx.meta[_SET]
            kwargs[option] = [*_left_open(of_file, kwargs[option] or [], ctx), *(kwargs[option] or [])]
        return function(*args, **kwargs)

    signature = inspect.signature(function)
    option = inspect.Parameter("config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ConfigFile)
    context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option, context])  # type: ignore[attr-defined]
    run.__annotations__ = {**function.__annotations__, "config": ConfigFile, "ctx": typer.Context}
    return run


def _left_open(of_file: Mapping[str, str], given: Sequence[str], ctx: typer.Context) -> list[str]:
    """Give the settings of a file that the command line does not have, as --set or as an option of their own."""
    named = {pair.partition("=")[0].strip().replace("-", "_") for pair in given}
    named |= {name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"}
    return [pair for name, pair in of_file.items() if name.replace("-", "_") not in named]


def write_toml(values: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Write the options of a command, and those of a model, as a file for --config; what is None is left out.

    >>> write_toml({"data": "news", "dev": None}, {"hidden_size": 64, "class_weights": {"PER": 2.0}}).splitlines()
    ['data = "news"', '', '[set]', 'hidden_size = 64', 'class_weights = {"PER" = 2.0}']
    """
    lines = [f"{name} = {toml_value(value)}" for name, value in values.items() if value is not None]
    if settings:
        lines += ["", f"[{_SET}]", *(f"{name} = {toml_value(value)}" for name, value in settings.items())]
    return "".join(f"{line}\n" for line in lines)


def toml_value(value: Any) -> str:
    r"""Write a value as TOML, which has no word for None: "none" stands for it, as with --set.

    >>> toml_value(True), toml_value(None), toml_value(["a", 1e-3]), toml_value("tab\t")
    ('true', '"none"', '["a", 0.001]', '"tab\\t"')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml_value(str(key))} = {toml_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    # The escapes of JSON are those of TOML, which wants one for DELETE too.
    return json.dumps("none" if value is None else str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _setting(value: Any) -> str:
    return value if isinstance(value, str) and value.lower() in _WORDS else json.dumps(value, ensure_ascii=False)


def _long_name(parameter: Any) -> str:
    longest = max((option for option in parameter.opts), key=len)
    return str(longest).lstrip("-").replace("-", "_").lower()


def _shown_name(parameter: Any) -> str:
    """Give the name of an argument on the help page: `model` for MODEL..., though the function calls it otherwise."""
    is_argument = parameter.param_type_name == "argument"
    return str(parameter.metavar or "").removesuffix("...").lower() if is_argument else ""


def _parse(path: Path) -> dict[str, Any]:
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return values
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"{path}: no TOML in UTF-8: {error}") from None
