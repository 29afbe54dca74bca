"""`runs-fleet pools`: the commands; what they run is imported when they are run."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from runs_fleet.models import Mode

app = typer.Typer(no_args_is_help=True, help="Warm pools: their file, what they do, and to them.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A pools.yaml.")]
Name = Annotated[str, typer.Argument(help="The pool's name.")]
InMode = Annotated[Mode | None, typer.Option("--mode", help="Where two pools have one name.")]
By = Annotated[str | None, typer.Option("--by", help="Who does it; else the user of this machine.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the pool's record.")]
Prune = Annotated[
    bool, typer.Option("--prune", help="End pools of the file's modes that are not in it.")
]


@app.command()
def lint(file: File, as_json: Json = False) -> None:
    """Say all that is wrong in a file.

    Exit status: 0 nothing, 1 something.
    """
    from cli.pools_lint import lint as run

    raise typer.Exit(run(file, as_json=as_json))


@app.command()
def schema() -> None:
    """Print the JSON schema of the file, for editors."""
    from runs_fleet.pools.file import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def plan(file: File, prune: Prune = False, as_json: Json = False) -> None:
    """Show what `apply` would change, and do nothing.

    Exit status: 0 done, 1 the file is wrong, 2 Temporal or a worker is out of reach.
    """
    from cli.pools_plan import plan as run

    raise typer.Exit(run(file, prune=prune, as_json=as_json))


@app.command()
def apply(
    context: typer.Context,
    file: File,
    prune: Prune = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Have pools be as a file says.

    Exit status: 0 done, 1 the file is wrong or a pool refused, 2 Temporal, a worker or the store
    is out of reach.
    """
    from cli.pools_apply import apply as run
    from runs_fleet.pool_stores import opened

    stores = partial(opened, context.obj)
    raise typer.Exit(run(file, stores, prune=prune, by=by, as_json=as_json))


@app.command(name="list")
def listed(as_json: Json = False) -> None:
    """See all pools, and what they have."""
    from cli.pools_shown import show_all as run

    raise typer.Exit(run(as_json=as_json))


@app.command()
def show(name: Name, mode: InMode = None, as_json: Json = False) -> None:
    """See one pool: targets and their reasons, members, what was done to it."""
    from cli.pools_shown import show_one as run

    raise typer.Exit(run(name, mode, as_json=as_json))


@app.command()
def drain(name: Name, mode: InMode = None, by: By = None, reason: Why = "") -> None:
    """Let all free members go and give none out, until `resume`."""
    from cli.pools_operated import operate as run

    raise typer.Exit(run(name, mode, kind="drain", by=by, reason=reason))


@app.command()
def pause(name: Name, mode: InMode = None, by: By = None, reason: Why = "") -> None:
    """Give no member out and launch none, until `resume`; members stay."""
    from cli.pools_operated import operate as run

    raise typer.Exit(run(name, mode, kind="pause", by=by, reason=reason))


@app.command()
def resume(name: Name, mode: InMode = None, by: By = None, reason: Why = "") -> None:
    """End a drain, a pause, a resize, and the rest after failed launches."""
    from cli.pools_operated import operate as run

    raise typer.Exit(run(name, mode, kind="resume", by=by, reason=reason))


@app.command()
def recycle(name: Name, mode: InMode = None, by: By = None, reason: Why = "") -> None:
    """Replace every free member, one after the other, or all of a pool's placeholders."""
    from cli.pools_operated import operate as run

    raise typer.Exit(run(name, mode, kind="recycle", by=by, reason=reason))


@app.command()
def resize(
    name: Name,
    targets: Annotated[list[str], typer.Argument(help="hot=3, stopped=2, listening=1.")],
    mode: InMode = None,
    by: By = None,
    reason: Why = "",
) -> None:
    """Keep these targets whatever the definition says, until `resume` or a new definition."""
    from cli.pools_operated import resize as run

    raise typer.Exit(run(name, mode, targets, by=by, reason=reason))


@app.command()
def backtest(
    file: File,
    arrivals: Annotated[str, typer.Option(help="Jobs that came, as CSV or JSON; - is stdin.")],
    compare: Annotated[
        list[Path] | None, typer.Option(exists=True, dir_okay=False, help="Another pools.yaml.")
    ] = None,
    assume: Annotated[
        list[str] | None, typer.Option(help="cold=90s, hot=6s, boot=45s, price=0.17, ...")
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay jobs against a file: how long they would have waited, and at which cost.

    Exit status: 0 done, 1 a file or the arrivals are wrong.
    """
    from cli.pools_backtest import replay as run

    raise typer.Exit(run([file, *(compare or ())], arrivals, assume or (), as_json=as_json))


@app.command()
def arrivals(
    days: Annotated[int, typer.Option(min=1, help="How far to look back.")] = 7,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; stdout without it.")
    ] = None,
) -> None:
    """Write the jobs of the last days as CSV, for `backtest`.

    Exit status: 0 done, 2 Temporal is out of reach.
    """
    from cli.pools_arrivals import export as run

    raise typer.Exit(run(days, output))
