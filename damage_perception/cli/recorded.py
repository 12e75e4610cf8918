"""Commands on recorded images: inspect, evaluate, tune."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.table import Table
from rich.text import Text

from damage_perception.cli.gallery import load_gallery
from damage_perception.cli.pipeline import OperatingPoint, StationOption, load_inspector
from damage_perception.cli.running import Running
from damage_perception.cli.sources import (
    CameraOption,
    SourceArgument,
    TopicOptions,
    keep_apart,
    open_frames,
)
from damage_perception.cli.terminal import Failure, console, shown

if TYPE_CHECKING:
    from damage_perception.evaluation.tuning import Tuning
    from damage_perception.inspector import Inspector
    from damage_perception.source import Source


def inspect(
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="Folder for reports and pictures.")],
    gallery: Annotated[
        Optional[str], typer.Option(help="References to compare with: a folder, or an address.")
    ] = None,
    sku: Annotated[
        str, typer.Option(help="Of all items; without it they are identified by the gallery.")
    ] = "",
    site_file: Annotated[
        Optional[Path], typer.Option(help="Rules of the site, as the node's parameter.")
    ] = None,
    camera: CameraOption = None,
    station: StationOption = None,
    *,
    point: OperatingPoint,
    running: Running,
    topics: TopicOptions,
) -> None:
    """Judge recorded frames without ROS: reports.jsonl, overlays and item masks."""
    from damage_perception.inspection import REPORTS_FILE, inspect_source

    frames = open_frames(source, out, camera, topics)
    inspector = load_inspector(running, frames.cameras, station, point, site_file=site_file)
    if gallery is not None:
        inspector.use_gallery(load_gallery(gallery, inspector.network))
    verdicts: Counter[str] = Counter()
    failed = []
    for inspected in shown(inspect_source(frames, inspector, out, sku), "inspecting", len(frames)):
        verdicts.update(verdict.name.lower() for verdict in inspected.verdicts)
        if inspected.error:
            failed.append(inspected)
    counts = ", ".join(f"{verdicts[name]} {name}" for name in ("pass", "divert", "unknown"))
    console.print(f"{len(frames)} frames, {verdicts.total()} items: {counts}")
    for inspected in failed[:5]:
        console.print(f"not judged: {inspected.error}", style="yellow", markup=False)
    if len(failed) > 5:
        console.print(f"{len(failed) - 5} more frames were not judged", style="yellow")
    console.print(f"wrote {out / REPORTS_FILE}", markup=False)
    if failed and len(failed) == len(frames):
        raise Failure("no frame could be judged")


def evaluate(
    dataset: Annotated[Path, typer.Argument(help="Image folder with labels.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for figures and plots.")],
    camera: CameraOption = None,
    station: StationOption = None,
    no_depth: Annotated[
        bool, typer.Option("--no-depth", help="As if the cameras delivered colour alone.")
    ] = False,
    references: Annotated[
        bool,
        typer.Option(
            "--references", help="Enroll the rows of role reference first, and compare with them."
        ),
    ] = False,
    wrong_references: Annotated[
        bool,
        typer.Option(
            "--wrong-references", help="The same, but each sku gets the references of another."
        ),
    ] = False,
    *,
    point: OperatingPoint,
    running: Running,
) -> None:
    """Measure the pipeline on a labelled data set: metrics.json, predictions.csv, plots."""
    from damage_perception.dataset import ImageFolder
    from damage_perception.evaluation.evaluate import METRICS_FILE
    from damage_perception.evaluation.evaluate import evaluate as run

    folder = ImageFolder(dataset, camera)
    keep_apart(dataset, out)
    inspector = load_inspector(running, folder.cameras, station, point)
    metrics = run(
        folder,
        inspector,
        out,
        lambda records: shown(records, "evaluating", len(records)),
        with_depth=not no_depth,
        references=references,
        wrong_references=wrong_references,
    )
    console.print(_figures(metrics))
    if references or wrong_references:
        console.print(_signals(metrics))
    if metrics["unlabelled"]:
        count = len(metrics["unlabelled"])
        console.print(f"{count} images have no label and were left out", style="yellow")
    console.print(f"wrote {out / METRICS_FILE}", markup=False)


def tune(
    source: Annotated[
        Path,
        typer.Argument(
            help="Image folder with labels.csv, or records that were reviewed; --unlabelled: any "
            "recordings."
        ),
    ],
    params: Annotated[Path, typer.Option(help="Parameter file to write; a plot goes beside it.")],
    false_diverts_per_1000: Annotated[
        float, typer.Option(help="Good items diverted in a thousand that the site accepts.")
    ],
    unlabelled: Annotated[
        bool,
        typer.Option(
            "--unlabelled",
            help="From a stream of the site of which nobody knows what is damaged; few items are.",
        ),
    ] = False,
    camera: CameraOption = None,
    station: StationOption = None,
    *,
    running: Running,
    topics: TopicOptions,
) -> None:
    """Choose the threshold on your own recordings: a parameter file and a plot."""
    from damage_perception.dataset import ImageFolder
    from damage_perception.evaluation.tuning import tune as run
    from damage_perception.records.store import is_records

    if unlabelled:
        frames = open_frames(source, params, camera, topics)
        inspector = load_inspector(running, frames.cameras, station, OperatingPoint(threshold=1.0))
        _tune_unlabelled(frames, inspector, source.resolve().name, params, false_diverts_per_1000)
        return
    if is_records(source):
        _tune_reviewed(source, params, false_diverts_per_1000)
        return
    folder = ImageFolder(source, camera)
    inspector = load_inspector(running, folder.cameras, station, OperatingPoint(threshold=1.0))
    tuning = run(
        folder,
        inspector,
        false_diverts_per_1000,
        lambda records: shown(records, "judging", len(records)),
    )
    model_id = inspector.network.card.model_id
    if tuning.unjudged:
        console.print(f"{tuning.unjudged} images could not be judged", style="yellow")
    _write_tuning(tuning, folder.path.resolve().name, model_id, params, false_diverts_per_1000)


def _tune_reviewed(folder: Path, params: Path, rate: float) -> None:
    from damage_perception.evaluation.reviewed import tune_reviewed
    from damage_perception.records.store import RecordStore

    chosen = tune_reviewed(RecordStore(folder).index, rate)
    if chosen.tuning.unjudged:
        console.print(
            f"{chosen.tuning.unjudged} diverted items were never reviewed and are left out: "
            "review them for a threshold that holds",
            style="yellow",
        )
    if chosen.other_models:
        console.print(
            f"{chosen.other_models} items of other models than {chosen.model_id} are left out",
            style="yellow",
            markup=False,
        )
    _write_tuning(chosen.tuning, folder.resolve().name, chosen.model_id, params, rate)


def _write_tuning(tuning: "Tuning", name: str, model_id: str, params: Path, rate: float) -> None:
    from damage_perception.evaluation.tuning import plot_tuning, write_parameters

    write_parameters(tuning, name, rate, params)
    plot = params.with_suffix(".png")
    plot_tuning(tuning, f"{name}, {model_id}", plot)
    recall = "" if tuning.recall is None else f", {tuning.recall:.1%} of the damaged diverted"
    console.print(f"damage_threshold {tuning.point.threshold:.4f}{recall}")
    console.print(f"wrote {params} and {plot}", markup=False)


def _tune_unlabelled(
    frames: "Source", inspector: "Inspector", name: str, params: Path, rate: float
) -> None:
    from damage_perception.evaluation.tuning import (
        plot_unlabelled_tuning,
        tune_unlabelled,
        write_parameters,
    )

    tuning = tune_unlabelled(
        frames, inspector, rate, lambda records: shown(records, "judging", len(frames))
    )
    write_parameters(tuning, name, rate, params)
    plot = params.with_suffix(".png")
    title = f"{name}, {inspector.network.card.model_id}"
    plot_unlabelled_tuning(tuning, rate, title, plot)
    point, share = tuning.suggested.point, tuning.suggested.damaged_share
    (least, most), (low, high) = point.threshold_95, point.false_diverts_per_1000_95
    console.print(
        f"damage_threshold {point.threshold:.4f} ({least:.4f} to {most:.4f}): {low:.2g} to "
        f"{high:.2g} in 1000 good items diverted, by {tuning.suggested.items} items of which up to "
        f"{share:.0%} may be damaged"
    )
    if tuning.unjudged:
        console.print(f"{tuning.unjudged} items or frames could not be judged", style="yellow")
    console.print(f"wrote {params} and {plot}", markup=False)


def _figures(metrics: dict[str, Any]) -> Table:
    table = Table(title=f"{metrics['n_good']} good, {metrics['n_damaged']} damaged")
    table.add_column("figure")
    table.add_column("value", justify="right")
    recall = metrics["recall_at_fpr"]
    rows = {
        "AUROC": metrics["auroc"],
        "average precision": metrics["average_precision"],
        "recall at 1 % false positives": recall["0.01"],
        "recall at 0.1 % false positives": recall["0.001"],
        "threshold": metrics["threshold"],
        "recall at the threshold": metrics["recall_at_threshold"],
        "false positives at the threshold": metrics["false_positive_rate_at_threshold"],
        "expected calibration error": metrics["expected_calibration_error"],
        "pixel AUPRO": metrics["aupro"],
        **{f"AUROC of {kind}": figures["auroc"] for kind, figures in metrics["per_kind"].items()},
    }
    for name, value in rows.items():
        table.add_row(name, "-" if value is None else f"{value:.3f}")
    table.add_row("items not located", str(metrics["not_located"]))
    table.add_row("errors in all", str(len(metrics["errors"])))
    latency = metrics["latency_ms"]["p50"]
    table.add_row("median time of a frame", "-" if latency is None else f"{latency:.1f} ms")
    return table


def _signals(metrics: dict[str, Any]) -> Table | Text:
    """What each signal gives by itself, and both together; that there is none where it is so."""
    if not metrics["compared"]:
        return Text(
            f"nothing was compared with the {metrics['enrolled']} references: "
            f"{metrics['mismatched']} items do not match those of their sku, "
            f"{metrics['not_located']} were not located",
            "yellow",
        )
    table = Table(title=f"{metrics['enrolled']} references, {metrics['compared']} items compared")
    for title in ("signal", "AUROC", "average precision", "recall at 1 % false positives"):
        table.add_column(title)
    for name in ("supervised", "references", "joined"):
        figures = metrics[name]
        values = (figures["auroc"], figures["average_precision"], figures["recall_at_fpr"]["0.01"])
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in values))
    found = metrics["identification"]
    if found["top1"] is not None:
        table.caption = (
            f"of {found['skus']} skus the right one is found for {found['top1']:.1%} of the items, "
            f"{found['rejected']:.1%} are none of these; {metrics['mismatched']} do not match"
        )
    return table


COMMANDS = (inspect, evaluate, tune)
