"""Enrolls references until it is killed, printing each change that is committed.

Started once; for every line "<uri>" on stdin a fork of it starts to enroll there. It prints
"started <pid>", "committed <change_id>" and, when the fork has ended, "ended". A fork, because
importing LanceDB takes seconds.
"""

import os
import sys

import lancedb  # noqa: F401
from made_references import new

from damage_perception.gallery.reference import Action
from damage_perception.gallery.store.store import GalleryStore


def say(text):
    os.write(1, f"{text}\n".encode())


def enroll_for_ever(uri):
    store = GalleryStore.open(uri)
    say("opened")
    while True:
        change = store.enroll("tea", "net", new(2), "robot", "")
        say(f"committed {change.change_id}")
        change = store.change(Action.RETIRE, "tea", change.reference_ids[:1], "robot", "")
        say(f"committed {change.change_id}")


say("ready")
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            enroll_for_ever(line.strip())
        finally:
            os._exit(1)
    say(f"started {child}")
    os.waitpid(child, 0)
    say("ended")
