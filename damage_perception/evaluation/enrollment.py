"""The references of a data set, in a gallery of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from damage_perception.dataset import REFERENCE, DatasetError, ImageFolder, ImageRecord
from damage_perception.evaluation.prediction import read_frame
from damage_perception.gallery.gallery import Gallery
from damage_perception.gallery.reference import Reference, State
from damage_perception.inspector import Inspector
from damage_perception.network import BackendError, Embedding
from damage_perception.network.turning import with_turned
from damage_perception.station import StationError
from damage_perception.station.target import find_target


@dataclass(frozen=True)
class Enrolled:
    """What became of the references of a data set.

    skus     by name, the sku that its references were enrolled under
    count    of references enrolled
    refused  by name of the image, why it was not
    """

    skus: Mapping[str, str]
    count: int
    refused: Mapping[str, str]

    def sku_of(self, sku: str) -> str:
        """What the references of ``sku`` were enrolled under; empty where it has none."""
        return self.skus.get(sku, "")


def enroll_references(
    dataset: ImageFolder,
    inspector: Inspector,
    progress: Callable[[Sequence[ImageRecord]], Iterable[ImageRecord]] = iter,
    with_depth: bool = True,
    wrong: bool = False,
) -> Enrolled:
    """Gives ``inspector`` a gallery of the rows whose role is reference, taken at their word.

    wrong  each sku gets the references of another one

    Raises DatasetError where there is none, or none that can be enrolled, and where the model
    compares nothing.
    """
    card = inspector.network.card
    if card.references is None:
        raise DatasetError(f"model {card.model_id} compares nothing with references")
    records = [r for r in dataset if r.label and r.label.role == REFERENCE]
    if not records:
        raise DatasetError(f"{dataset.path}/labels.csv has no row of role {REFERENCE}")
    found: dict[str, list[Embedding]] = {}
    refused = {}
    for record in progress(records):
        embedding = _embedding(record, inspector, with_depth)
        if isinstance(embedding, str):
            refused[record.name] = embedding
        elif record.label:
            found.setdefault(record.label.sku, []).append(embedding)
    if not found:
        raise DatasetError(f"{dataset.path}: no reference can be enrolled, {refused}")
    names = list(found)
    skus = dict(zip(names, names[1:] + names[:1] if wrong else names, strict=True))
    references = [
        Reference(f"{sku}-{number}", skus[sku], State.ACTIVE, card.model_id, 0, "", embedding)
        for sku, embeddings in found.items()
        for number, embedding in enumerate(embeddings)
    ]
    inspector.use_gallery(Gallery(references, card.references.identification))
    return Enrolled(skus, len(references), refused)


def _embedding(record: ImageRecord, inspector: Inspector, with_depth: bool) -> Embedding | str:
    """Of the labelled item, or why there is none."""
    try:
        frame, items = read_frame(record, with_depth), record.items()
        result = inspector.judge(frame)
    except (DatasetError, StationError) as error:
        return str(error)
    target = find_target(result.items, frame, None if items is None else items == 1)
    if target is None:
        return "not located"
    assessment = result.assessments[target]
    if assessment is None or assessment.embedding is None:
        return "backend fault"
    if not len(assessment.embedding.cells):
        return "the item shows no cell"
    try:
        return with_turned(result.views[target], assessment.embedding, inspector.network.embed)
    except BackendError:
        return "backend fault"
