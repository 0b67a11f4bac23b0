"""`assay ui`."""

from __future__ import annotations

from typing import Annotated

import typer


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 3000,
    link: Annotated[
        bool, typer.Option("--link", help="Print a new sign-in link of the web UI that runs.")
    ] = False,
) -> None:
    """Open the steward's web UI (Dagster) on this installation. It prints a link that signs you in, once.

    Examples: `assay ui --port 3000`, `assay ui --link`
    """
    from assay.assets.io.home import home
    from assay.web.serve import new_link, serve

    root = home().root
    if link:
        print(new_link(root))
    else:
        raise typer.Exit(serve(root, port))
