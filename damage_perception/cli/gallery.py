"""Commands on the gallery of references: gallery list, show, log and so on."""

import difflib
import getpass
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Optional

import typer
from rich.table import Table
from rich.text import Text

from damage_perception.cli.grouped import grouped
from damage_perception.cli.running import Running
from damage_perception.cli.terminal import Failure, console

if TYPE_CHECKING:
    from damage_perception.gallery.gallery import Gallery
    from damage_perception.gallery.reference import Change
    from damage_perception.gallery.store.store import GalleryStore
    from damage_perception.network import DamageNetwork
    from damage_perception.view import View

DAY_S: Final = 24 * 3600
VARIABLE: Final = "DAMAGE_PERCEPTION_GALLERY"


def default_gallery() -> str:
    """Where the gallery is if nobody says: $DAMAGE_PERCEPTION_GALLERY, or the user's data."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return os.environ.get(VARIABLE) or str(Path(data) / "damage_perception" / "gallery")


GalleryOption = Annotated[
    str,
    typer.Option(
        "--gallery",
        default_factory=default_gallery,
        show_default=f"${VARIABLE} or ~/.local/share/damage_perception/gallery",
        help="Folder, or address such as s3://bucket/prefix.",
    ),
]
WhyOption = Annotated[str, typer.Option("--why", help="For the log.")]
CandidatesArgument = Annotated[
    Optional[list[str]], typer.Argument(help="Their ids; all candidates where none.")
]
SkuArgument = Annotated[str, typer.Argument(help="The product.")]

app = typer.Typer(
    name="gallery",
    help="References of pristine products: look, change, undo.",
    no_args_is_help=True,
)


def open_gallery(uri: str, create: bool = False) -> "GalleryStore":
    """The gallery at ``uri``. Raises GalleryError where there is none and none is created."""
    from damage_perception.gallery.store.store import GalleryStore

    return GalleryStore.open(uri, create)


def load_gallery(uri: str, network: "DamageNetwork") -> "Gallery":
    """The active references at ``uri``, to compare with by ``network``.

    Raises GalleryError where there are none, and Failure where they are of other models only.
    """
    from damage_perception.gallery.gallery import Gallery

    card, store = network.card, open_gallery(uri)
    references = store.references(model_id=card.model_id)
    if card.references is None:
        raise Failure(f"model {card.model_id} compares nothing with references")
    if not references and store.references():
        raise Failure(
            f"no reference in {uri} is of model {card.model_id}: "
            f"damage-perception gallery reembed --gallery {uri}"
        )
    return Gallery(references, card.references.identification)


def user() -> str:
    """Who runs the command, for the log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


@app.command("list")
def list_skus(gallery: GalleryOption) -> None:
    """Every product, with the number of its references in each state."""
    summaries = open_gallery(gallery).summaries()
    if not summaries:
        console.print("the gallery is empty")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("sku", "active", "candidates", "retired", "last change", "models"):
        table.add_column(title, overflow="fold")
    for each in summaries:
        last = f"{_date(each.last_change.time_ns)} {each.last_change.action.value}"
        counts = (str(each.active), str(each.candidates), str(each.retired))
        table.add_row(Text(each.sku), *counts, last, Text(", ".join(each.model_ids)))
    console.print(table)


@app.command()
@grouped
def show(
    sku: SkuArgument,
    out: Annotated[Path, typer.Option(help="Picture to write, .jpg or .png.")],
    gallery: GalleryOption,
    columns: Annotated[int, typer.Option(min=1, help="References side by side.")] = 4,
    check: Annotated[
        bool, typer.Option(help="Hold the references against one another, and say what is missing.")
    ] = True,
    *,
    running: Running,
) -> None:
    """Write a picture of all references of a product, and say how well they serve."""
    from damage_perception.gallery.reference import State
    from damage_perception.overlay import contact_sheet, write_picture

    if out.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise Failure(f"--out is {str(out)!r}; expected a name that ends in .jpg or .png")
    store = open_gallery(gallery)
    _check_known(store, sku)
    references = sorted(
        store.references(sku, tuple(State)), key=lambda each: list(State).index(each.state)
    )
    views = store.views([each.reference_id for each in references])
    found = _checked(gallery, store, sku, views, running) if check else {}
    captions = [
        f"{each.state.value} {each.reference_id[:8]} {found.get(each.reference_id, '')} "
        f"{_date(each.added_ns)} {each.source}"
        for each in references
    ]
    images = [views[each.reference_id].color for each in references]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(out, contact_sheet(images, captions, columns))
    for each in references:
        line = f"{each.reference_id}  {each.state.value:9}  {_date(each.added_ns)}  {each.source}"
        console.print(line, markup=False)
    console.print(f"wrote {out}", markup=False)


def _checked(
    uri: str, store: "GalleryStore", sku: str, views: "Mapping[str, View]", running: Running
) -> dict[str, str]:
    """Says how well the active references of a product serve; for each checked one, in a word."""
    from damage_perception.cli.pipeline import load_inspector
    from damage_perception.reference_check import check_references

    inspector = load_inspector(running, ("camera",), None)
    network = inspector.network
    references = store.references(sku, model_id=network.card.model_id)
    if not references:
        console.print(
            f"not checked: the references are of other models than {network.card.model_id}; see "
            "`gallery reembed`",
            markup=False,
        )
        return {}
    checked = check_references(
        [views[each.reference_id] for each in references],
        [each.embedding for each in references],
        network,
        inspector.policy,
        sku,
    )
    for line in checked.lines():
        console.print(line, markup=False)
    if other := load_gallery(uri, network).not_told_from(sku):
        console.print(
            f"by its looks it cannot be told from {other}: announce items of both by their sku",
            markup=False,
        )
    return {
        each.reference_id: f"damage {confidence:.2f}"
        for each, confidence in zip(references, checked.confidences, strict=False)
    }


@app.command()
def log(
    gallery: GalleryOption,
    sku: Annotated[Optional[str], typer.Argument(help="The product; all where none.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 30,
) -> None:
    """Who changed what, when and why, newest first."""
    for change in open_gallery(gallery).changes(sku, limit):
        console.print(_line(change), markup=False)


@app.command()
def accept(
    sku: SkuArgument,
    gallery: GalleryOption,
    references: CandidatesArgument = None,
    why: WhyOption = "",
) -> None:
    """Make candidates of a product active."""
    _decide("accept", sku, references, gallery, why)


@app.command()
def reject(
    sku: SkuArgument,
    gallery: GalleryOption,
    references: CandidatesArgument = None,
    why: WhyOption = "",
) -> None:
    """Turn candidates of a product down."""
    _decide("reject", sku, references, gallery, why)


@app.command()
def undo(
    gallery: GalleryOption,
    change: Annotated[
        Optional[str], typer.Argument(help="Its id in the log; the newest where none.")
    ] = None,
    why: WhyOption = "",
) -> None:
    """Take a change back; undo an undo to redo."""
    done = open_gallery(gallery).undo(change, user(), why)
    console.print(f"undid {done.undoes}: {_line(done)}", markup=False)


@app.command("export")
def export_folder(
    out: Annotated[Path, typer.Argument(help="New folder of pictures, arrays and JSON.")],
    gallery: GalleryOption,
    sku: Annotated[Optional[list[str]], typer.Option(help="Only this product; repeatable.")] = None,
    retired: Annotated[bool, typer.Option("--retired", help="Retired ones as well.")] = False,
) -> None:
    """Write active references and candidates into a folder."""
    from damage_perception.gallery.reference import State
    from damage_perception.gallery.store.archive import export_gallery

    count = export_gallery(open_gallery(gallery), out, sku or (), tuple(State) if retired else ())
    console.print(f"wrote {count} references into {out}", markup=False)


@app.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder of an exported gallery.")],
    gallery: GalleryOption,
    why: WhyOption = "",
) -> None:
    """Add the references of an exported gallery; those that are there already stay as they are."""
    from damage_perception.gallery.store.archive import import_gallery

    store = open_gallery(gallery, create=True)
    added, skipped = import_gallery(store, folder, user(), why or f"import of {folder.name}")
    console.print(f"added {added} references, {skipped} were there already")


@app.command()
def prune(
    gallery: GalleryOption,
    older_than_days: Annotated[float, typer.Option(min=0, help="Enrolled longer ago, and")] = 180,
    unused_days: Annotated[float, typer.Option(min=0, help="not compared with since.")] = 60,
    keep: Annotated[int, typer.Option(min=1, help="Newest of each product that stay.")] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    purge: Annotated[
        bool,
        typer.Option("--purge", help="Remove for good what was retired, or embedded anew, before."),
    ] = False,
    purge_older_than_days: Annotated[
        float, typer.Option(min=0, help="With --purge: only where that was longer ago.")
    ] = 30,
) -> None:
    """Retire active references that are old and have served no more for long."""
    from damage_perception.gallery.comparison.ageing import AgeLimits, stale
    from damage_perception.gallery.reference import Action

    store = open_gallery(gallery)
    now_ns = time.time_ns()
    going = stale(store.references(), now_ns, AgeLimits(older_than_days, unused_days, keep))
    for sku in sorted({each.sku for each in going}):
        names = [each.reference_id for each in going if each.sku == sku]
        if not dry_run:
            store.change(Action.RETIRE, sku, names, user(), f"unused for {unused_days:g} days")
        console.print(f"{sku}: {', '.join(names)}", markup=False)
    console.print(f"{'would retire' if dry_run else 'retired'} {len(going)} references")
    if purge and not dry_run:
        before_ns = now_ns - round(purge_older_than_days * DAY_S * 1e9)
        change = store.purge(before_ns, user())
        count = len(change.reference_ids) if change else 0
        console.print(f"removed {count} retired references for good")
        freed = store.free(before_ns, user())
        if freed:
            console.print(f"{freed.why}, of {len(freed.reference_ids)} references")


def _decide(action: str, sku: str, references: list[str] | None, gallery: str, why: str) -> None:
    from damage_perception.gallery.reference import Action, State

    store = open_gallery(gallery)
    _check_known(store, sku)
    names = references or [each.reference_id for each in store.references(sku, (State.CANDIDATE,))]
    if not names:
        raise Failure(f"sku {sku!r} has no candidates")
    console.print(_line(store.change(Action(action), sku, names, user(), why)), markup=False)


def _check_known(store: "GalleryStore", sku: str) -> None:
    known = [summary.sku for summary in store.summaries()]
    if sku not in known:
        near = difflib.get_close_matches(sku, known, 3)
        mend = f"did you mean {', '.join(near)}?" if near else "see `gallery list`"
        raise Failure(f"sku {sku!r} is not in gallery {store.uri}: {mend}")


def _line(change: "Change") -> str:
    undone = " (undone)" if change.undone else ""
    count = len(change.reference_ids)
    what = f"{change.action.value} {change.undoes}".strip()
    parts = (
        change.change_id,
        _date(change.time_ns),
        f"{what}{undone}",
        change.sku or "-",
        f"{count} reference{'' if count == 1 else 's'}",
        change.by,
        change.why,
    )
    return "  ".join(part for part in parts if part)


def _date(time_ns: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ns / 1e9))
