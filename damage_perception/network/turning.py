"""References as they look turned: the encoder has no notion of a thing that lies otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from damage_perception.network.coreset import spread
from damage_perception.network.embedding import Embedding
from damage_perception.view import View

# In degrees; the view as it is makes the eighth.
TURNS: Final = tuple(range(45, 360, 45))
# Cells that are kept of all turned copies of a reference.
MOST_TURNED_CELLS: Final = 400


def with_turned(
    view: View, embedding: Embedding, embed: Callable[[Sequence[View]], Sequence[Embedding]]
) -> Embedding:
    """``embedding`` of a reference, with what the encoder sees of ``view`` turned.

    embed  what the network says of some views

    Raises what ``embed`` raises.
    """
    copies = embed([view.turned(degrees) for degrees in TURNS])
    looks = np.concatenate([copy.looks for copy in copies])
    return replace(embedding, turned=looks[spread(looks, MOST_TURNED_CELLS)])
