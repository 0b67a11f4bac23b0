"""`assay ui`."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = ("assay ui", "assay ui --port 3001", "assay ui --link")


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 3000,
    link: Annotated[
        bool,
        typer.Option("--link", help="Print a new sign-in link for the web UI that is running."),
    ] = False,
) -> None:
    """Start the web UI for data stewards, and print a link that signs you in once."""
    from assay.assets.io.home import home
    from assay.web.serve import new_link, serve

    root = home().root
    if link:
        print(new_link(root))
    else:
        raise typer.Exit(serve(root, port))
