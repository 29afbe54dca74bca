"""`runs-fleet`: the front gate, one command for every door.

Commands import what they run when they are run: a `labels explain` should not load an
orchestrator, and an installation without the `demo` extra has no simulator to import.
"""

import json
import os
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.pools import app as pools_app
from runs_fleet import labels
from runs_fleet.labels import OPTIONS, Refusal, Request
from runs_fleet.models import Market, Mode, RunnerSpec, Span

NOT_OURS = 2
DEFAULT = "the operator's default"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Ephemeral GitHub Actions runners, orchestrated by Temporal.",
)
labels_app = typer.Typer(no_args_is_help=True, help="Understand `runs-on` labels.")
app.add_typer(labels_app, name="labels")
jobs_app = typer.Typer()
app.add_typer(jobs_app, name="jobs")
history_app = typer.Typer(no_args_is_help=True, help="What a job's workflow went through.")
app.add_typer(history_app, name="history")
market_app = typer.Typer()
app.add_typer(market_app, name="market")
app.add_typer(pools_app, name="pools", context_settings={"obj": os.environ})

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
WorldMode = Annotated[Mode, typer.Option("--mode", help="Where runners are: ec2 or k8s.")]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="Make objects in this cluster instead of a new one; its pods cannot run.",
    ),
]
JobId = Annotated[int, typer.Argument(min=1, help="The last number in the job's URL at GitHub.")]


def main() -> None:
    """Run the command line; what a user can mend is one line, not a traceback."""
    try:
        app(prog_name="runs-fleet")
    except ModuleNotFoundError as error:
        sys.exit(f"runs-fleet: this installation lacks {error.name!r}; install the extra for it")
    except OSError as error:
        sys.exit(f"runs-fleet: {error}")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"runs-fleet {installed('runs-fleet')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Hold the options of the program itself."""


@labels_app.command()
def explain(
    label: Annotated[list[str], typer.Argument(help="The label, or all labels of one job.")],
    as_json: Json = False,
) -> None:
    """Show what a label asks for.

    Exit status: 0 understood, 1 refused, 2 not our label.
    """
    found = labels.parse(label)
    if as_json:
        typer.echo(json.dumps(_as_dict(found)))
    if found is None:
        typer.echo(f"not our label: {', '.join(label)}; ours begins with {labels.MARKER}", err=True)
        raise typer.Exit(NOT_OURS)
    if isinstance(found, Refusal):
        typer.echo(f"refused: {found.message}", err=True)
        raise typer.Exit(1)
    if not as_json:
        Console().print(_table(found))


@jobs_app.callback(invoke_without_command=True)
def jobs(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
    repo: Annotated[str | None, typer.Option(help="Only jobs of this OWNER/NAME.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 50,
    as_json: Json = False,
) -> None:
    """See jobs, those that are not over first, and end them; TEMPORAL_* say where.

    Exit status: 0 done, 1 no such job, 2 wrong question, or Temporal is out of reach.
    """
    if context.invoked_subcommand is None:
        from cli.jobs import show_list as run

        raise typer.Exit(run(state=state, repo=repo, limit=limit, as_json=as_json))


@jobs_app.command()
def show(job_id: JobId, as_json: Json = False) -> None:
    """Tell the story of one job."""
    from cli.jobs import show_one as run

    raise typer.Exit(run(job_id, as_json=as_json))


@jobs_app.command()
def cancel(job_id: JobId) -> None:
    """Take a job's runners away, even busy ones, and end its workflow."""
    from cli.jobs import cancel as run

    raise typer.Exit(run(job_id))


@history_app.command()
def export(
    job_id: JobId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; stdout without it.")
    ] = None,
) -> None:
    """Write a job's history as JSON; `make replay FILE=...` plays it against the code."""
    from cli.history import export as run

    raise typer.Exit(run(job_id, output))


@market_app.callback(invoke_without_command=True)
def market(context: typer.Context, as_json: Json = False) -> None:
    """See which machines are left out of orders: sold out, or taken away too often.

    Exit status: 0 done, 1 nothing of that is remembered, 2 Temporal or a worker is out of reach.
    """
    if context.invoked_subcommand is None:
        from cli.market import show as run

        raise typer.Exit(run(as_json=as_json))


@market_app.command()
def reset(
    machine_type: Annotated[
        str | None, typer.Option("--type", help="Only what is of this type.")
    ] = None,
    way: Annotated[
        Market | None, typer.Option("--market", help="Only what is of this market.")
    ] = None,
) -> None:
    """Have it forgotten, so that the next orders ask for it again."""
    from cli.market import reset as run

    raise typer.Exit(run(machine_type=machine_type, way=way))


@app.command()
def api() -> None:
    """Serve GitHub's webhooks."""
    from api.__main__ import main as run

    run()


@app.command()
def worker() -> None:
    """Drive one mode's machines."""
    from worker.__main__ import main as run

    run()


@app.command()
def sweep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would do, and do nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put right now what no lifecycle takes care of, and show what was done.

    Exit status: 0 all parts went well, 1 some did not, 2 there was no sweep.
    """
    from worker.broom import main as run

    raise typer.Exit(run(dry_run=dry_run, as_json=as_json))


@app.command()
def doctor(
    mode: Annotated[
        Mode | None, typer.Option(help="Instead of RUNS_FLEET_MODE's, this mode's worker.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at all that a worker needs, as its variables have it, and say what to mend.

    Exit status: 0 all is well, 1 there are warnings, 2 something will not work.
    """
    from cli.doctor import main as run

    raise typer.Exit(run(os.environ, mode=mode, as_json=as_json))


@app.command()
def demo(
    jobs: Annotated[int, typer.Option(min=1, help="How many jobs to send.")] = 20,
    as_json: Json = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the world running.")] = False,
    mode: WorldMode = "ec2",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show the whole fleet at work, in a world of its own on this machine."""
    from simulator.demo import Asked
    from simulator.demo import main as run

    asked = Asked(jobs, as_json=as_json, keep=keep, mode=mode, kubeconfig=kubeconfig)
    raise typer.Exit(run(asked))


@app.command()
def dev(mode: WorldMode = "ec2", kubeconfig: Kubeconfig = None) -> None:
    """Start the world of the demo and wait for webhooks."""
    from simulator.demo import Asked
    from simulator.demo import dev as run

    raise typer.Exit(run(Asked(mode=mode, kubeconfig=kubeconfig)))


def _as_dict(found: Request | Refusal | None) -> dict[str, object]:
    if isinstance(found, Request):
        return {"label": found.label, "spec": found.spec.model_dump(mode="json")}
    return {"label": found and found.label, "spec": None, "refusal": found and found.message}


def _table(found: Request) -> Table:
    table = Table("key", "asked for", "meaning", title=found.label, title_justify="left")
    for key, value in _rows(found.spec).items():
        table.add_row(key, value, OPTIONS[key])
    return table


def _rows(spec: RunnerSpec) -> dict[str, str]:
    return {
        "cpu": _span(spec.cpu),
        "ram": f"{_span(spec.ram)} GiB",
        "arch": spec.arch or DEFAULT,
        "family": ", ".join(spec.families) or DEFAULT,
        "gen": str(spec.gen or "any"),
        "disk": f"{spec.disk} GiB" if spec.disk else DEFAULT,
        "pool": spec.pool or "none",
        "spot": _yes(spec.spot),
        "private": _yes(spec.private),
        "backend": spec.backend or DEFAULT,
        "rerun": _yes(spec.rerun),
        "docker": _yes(spec.docker),
    }


def _span(span: Span) -> str:
    if span.most is None:
        return f"{span.least} or more"
    return str(span.least) if span.least == span.most else f"{span.least} to {span.most}"


def _yes(value: bool) -> str:
    return str(value).lower()


if __name__ == "__main__":
    main()
