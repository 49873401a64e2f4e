"""The program `exosk`: its commands, and what its exit status means.

0 is done, 2 a user's mistake (said in one sentence), 1 anything else.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from exosk.cli.benchmark import benchmark_app
from exosk.cli.check import check
from exosk.cli.compare import compare_simulators
from exosk.cli.data import data_app
from exosk.cli.dataset import dataset_app
from exosk.cli.doctor import doctor
from exosk.cli.evaluate import evaluate
from exosk.cli.explain import explain
from exosk.cli.opacity import opacity_app
from exosk.cli.paper import paper
from exosk.cli.plugins import plugins
from exosk.cli.predict import predict
from exosk.cli.retrieve import retrieve
from exosk.cli.simulate import simulate
from exosk.cli.survey import survey
from exosk.cli.train import train
from exosk.exceptions import ExoskError

__all__ = ["app", "main"]

app = typer.Typer(
    name="exosk",
    help="What a transiting planet's atmosphere is made of, from its transmission spectrum.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(retrieve)
app.command()(simulate)
app.command()(train)
app.command()(predict)
app.command()(evaluate)
app.command()(check)
app.command()(explain)
app.command()(survey)
app.command()(paper)
app.command("compare-simulators")(compare_simulators)
app.command()(plugins)
app.command()(doctor)
app.add_typer(benchmark_app, name="benchmark")
app.add_typer(data_app, name="data")
app.add_typer(dataset_app, name="dataset")
app.add_typer(opacity_app, name="opacity")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"exosk {metadata.version('exosk')}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Typer needs a function to hang the options of the program itself on."""


def main(arguments: list[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    arguments : list of str, optional
        Command-line arguments; those of the process by default.

    Returns
    -------
    int
        The exit status.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        app(arguments, standalone_mode=True)
    except SystemExit as done:
        return int(done.code or 0) if not isinstance(done.code, str) else 1
    except ExoskError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}")
        return 2
    except KeyboardInterrupt:
        errors.print("interrupted; no half-written file was left")
        return 1
    except BrokenPipeError:
        # The reader of standard output has gone (as `head` does); nothing is left to say.
        sys.stderr.close()
        return 1
    except OSError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}")
        return 1
    return 0
