"""The command that makes keys and permissions of the nodes: secure."""

import os
from pathlib import Path
from typing import Annotated, Optional

import typer

from damage_perception.cli.terminal import Failure, console


def secure(
    keystore: Annotated[Path, typer.Argument(help="Folder of the keystore; made where missing.")],
    namespace: Annotated[str, typer.Option(help="Of the nodes, /cell_1.")] = "/",
    camera: Annotated[
        Optional[list[str]],
        typer.Option(
            help="Name of a camera, as the detector has it; /NAMESPACE where its topics are "
            "remapped. Once for each. [default: camera]"
        ),
    ] = None,
    detector: Annotated[str, typer.Option(help="Name of its node.")] = "damage_detector",
    domain: Annotated[
        Optional[int], typer.Option(help="ROS domain; otherwise that of ROS_DOMAIN_ID.", min=0)
    ] = None,
) -> None:
    """Make an SROS 2 keystore: keys, and permissions by which each node does only what it has to.

    Called again, it renews the permissions and keeps the keys.
    """
    from damage_perception.security.certificates import NoCryptographyError
    from damage_perception.security.check import ENABLE, ENFORCE, KEYSTORE, STRATEGY
    from damage_perception.security.keystore import make_keystore
    from damage_perception.security.nodes import cell_enclaves

    if domain is None:
        domain = _domain_of_environment()
    try:
        enclaves = cell_enclaves(namespace, camera or ["camera"], detector)
        maker = make_keystore(keystore, enclaves, domain)
    except (ValueError, NoCryptographyError) as error:
        raise Failure(str(error)) from error
    lines = [
        f"{len(enclaves)} enclaves for domain {domain} in {keystore}, made by {maker}.",
        "",
        "Every process of the cell:",
        f"  export {ENABLE}=true {STRATEGY}={ENFORCE} {KEYSTORE}={keystore.resolve()}",
        "and its enclave:",
        *(f"  --ros-args --enclave {one.path}   # {one.serves}" for one in enclaves),
        "",
        f"Keep {keystore}/private to yourself: no node needs it.",
    ]
    console.print("\n".join(lines), markup=False, soft_wrap=True)


def _domain_of_environment() -> int:
    given = os.environ.get("ROS_DOMAIN_ID", "") or "0"
    if not given.isdecimal():
        raise Failure(f"ROS_DOMAIN_ID is {given!r}; expected a number")
    return int(given)


COMMANDS = (secure,)
