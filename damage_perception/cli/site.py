"""Commands on the rules of a site: site check and replay."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.table import Table
from rich.text import Text

from damage_perception.cli.gallery import load_gallery
from damage_perception.cli.grouped import grouped
from damage_perception.cli.pipeline import OperatingPoint, StationOption, load_inspector
from damage_perception.cli.running import ModelOption, Running
from damage_perception.cli.sources import CameraOption, SourceArgument, TopicOptions
from damage_perception.cli.terminal import Failure, console, shown

if TYPE_CHECKING:
    from damage_perception.site_replay import Replayed
    from damage_perception.verdict.site import Rule, Site

app = typer.Typer(
    name="site", help="Rules of a site: check them, and try them out.", no_args_is_help=True
)
FileArgument = Annotated[Path, typer.Argument(help="Site file.")]


@app.command()
def check(
    file: FileArgument,
    skus: Annotated[
        Optional[list[str]], typer.Argument(help="Products; says which rules are for them.")
    ] = None,
    camera: Annotated[
        str, typer.Option("--seen-by", help="Camera by its name in the parameter `cameras`.")
    ] = "",
    model: ModelOption = None,
) -> None:
    """Check a site file, and say which rule applies to a product."""
    from damage_perception.network.model_card import ModelCard
    from damage_perception.share import default_model_card
    from damage_perception.verdict.site_file import read_site

    site = read_site(file, ModelCard.load(model or default_model_card()))
    console.print(f"{file}: {len(site.rules)} rules, no errors", markup=False)
    for sku in skus or ():
        console.print(_explained(site, sku, camera))


def _explained(site: "Site", sku: str, camera: str) -> Table:
    """What holds of a product, and by which rule."""
    from damage_perception.kinds import KINDS

    table = Table(title=f"sku {sku}" + (f", camera {camera}" if camera else ""), box=None)
    for title in ("what", "holds", "by"):
        table.add_column(title, overflow="fold")

    def row(what: str, holds: str, rule: "Rule | None") -> None:
        table.add_row(*(Text(text) for text in (what, holds, rule.words() if rule else "no rule")))

    rule = site.threshold_rule(sku, camera)
    thresholds = rule.thresholds if rule else None
    row(
        "threshold",
        "that of the parameters"
        if thresholds is None
        else f"{thresholds.alone:.4f}; compared {thresholds.compared:.4f}; "
        f"without depth {thresholds.without_depth:.4f}",
        rule,
    )
    for kind in KINDS:
        rule = site.tolerance_rule(sku, kind, camera)
        most = rule.tolerate if rule else None
        row(f"tolerated {kind}", f"up to {most.name.lower()}" if most else "none", rule)
    rule = site.reference_rule(sku)
    needed = bool(rule and rule.require_references)
    row("passes without references", "no" if needed else "yes", rule)
    return table


@app.command()
@grouped
def replay(
    file: FileArgument,
    source: SourceArgument,
    gallery: Annotated[
        Optional[str], typer.Option(help="References to compare with: a folder, or an address.")
    ] = None,
    sku: Annotated[str, typer.Option(help="Of all items, where the recording does not say.")] = "",
    camera: CameraOption = None,
    station: StationOption = None,
    *,
    point: OperatingPoint,
    running: Running,
    topics: TopicOptions,
) -> None:
    """Say which verdicts on recorded frames the rules would have changed."""
    from damage_perception.site_replay import NotReplayed, replay
    from damage_perception.source import open_source

    frames = open_source(source, camera, topics.topics())
    inspector = load_inspector(running, frames.cameras, station, point, site_file=file)
    if gallery is not None:
        inspector.use_gallery(load_gallery(gallery, inspector.network))
    named = {name for rule in inspector.policy.site.rules for name in rule.match.cameras}
    if missing := sorted(named - set(frames.cameras)):
        console.print(
            f"rules for {', '.join(missing)} are not tried: the frames are of "
            f"{', '.join(frames.cameras)}",
            style="yellow",
            markup=False,
        )
    counts: Counter[str] = Counter()
    items = failed = freed = 0
    for one in shown(replay(frames, inspector, sku), "replaying", len(frames)):
        if isinstance(one, NotReplayed):
            failed += 1
            console.print(f"{one.name}: not judged: {one.why}", style="yellow", markup=False)
            continue
        items += 1
        if one.changed:
            counts[_change(one)] += 1
            freed += bool(one.damaged) and _change(one) == "divert -> pass"
            console.print(_line(one), markup=False)
    console.print(f"{len(frames)} frames, {items} items, {counts.total()} verdicts change")
    for change, count in sorted(counts.items()):
        console.print(f"{count} {change}", markup=False)
    if freed:
        console.print(f"of those that now pass, {freed} are labelled as damaged", style="yellow")
    if failed and failed == len(frames):
        raise Failure("no frame could be judged")


def _change(one: "Replayed") -> str:
    return f"{one.before.verdict.name.lower()} -> {one.after.verdict.name.lower()}"


def _line(one: "Replayed") -> str:
    from damage_perception.overlay import verdict_text

    told = [f"{region.kind} {region.extent.words()}" for region in one.after.regions]
    rules = ", ".join(rule.words() for rule in one.rules)
    what = f"{verdict_text(one.before)} -> {verdict_text(one.after)}"
    return f"{one.name} {one.after.item_id}: {what}; " + "; ".join([*told, f"rules: {rules}"])
