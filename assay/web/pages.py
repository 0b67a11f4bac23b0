"""The few pages that the front answers itself, in plain HTML without scripts."""

from __future__ import annotations

from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from assay.contracts.stewards import Subject
from assay.web.graphql_guard import Refusal

SIGN_IN_HELP = (
    "Open the sign-in link that `assay ui` printed in its terminal, "
    "or run `assay ui --link` for a new one."
)
NOT_SIGNED_IN = Refusal(401, f"You are not signed in. {SIGN_IN_HELP}")
SIGN_IN_FIRST = Refusal(401, "You are not signed in. Sign in with your organisation's account.")
LINK_IS_GONE = Refusal(
    401,
    "This sign-in link has been used, or is older than 15 minutes. "
    "Run `assay ui --link` for a new one.",
)
LINK_IS_LOCAL = Refusal(
    403, "A one-time link signs in on the machine of `assay ui` only. Sign in with your account."
)
NOT_BY_THE_PROXY = Refusal(
    403, "This address is reached through its proxy only. Open it in a browser."
)
NO_ROLE = Refusal(
    403, "You have no role here. An administrator adds you to the stewards' file, ASSAY_STEWARDS."
)


def no_role_for(subject: Subject) -> Refusal:
    """For a person whom the provider knows: what the stewards' file needs to list them."""
    names = f"issuer `{subject.issuer}`, subject `{subject.subject}`"
    return Refusal(403, f"{NO_ROLE.reason} Under `subjects` it needs {names}.")


NOT_RECORDED = Refusal(
    503,
    "Nothing was done, because the person behind the request could not be recorded. Run `assay doctor`.",
)

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1f24; background: #f5f6f8; margin: 0; }
main { max-width: 34rem; margin: 15vh auto 0; padding: 2rem; background: #fff;
  border: 1px solid #d8dce2; border-radius: 8px; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
code { background: #eef0f3; padding: 0.1rem 0.3rem; border-radius: 4px; }
button { font: inherit; padding: 0.5rem 1rem; }
"""
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def page(title: str, body: str, status: int = 200, head: str = "") -> HTMLResponse:
    """A whole page. `body` and `head` are HTML."""
    head += (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)} · Assay</title><style>{_STYLE}</style>"
    )
    main = f"<main><h1>{escape(title)}</h1>{body}</main>"
    text = f"<!doctype html><html lang='en'><head>{head}</head><body>{main}</body></html>"
    return HTMLResponse(
        text, status, {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
    )


def refused(refusal: Refusal, request: Request, prefix: str) -> Response:
    """The refusal as a page for people, as JSON for programs.

    Args:
        prefix: the path below which our pages are.
    """
    headers = {"Cache-Control": "no-store"}
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"errors": [{"message": refusal.reason}]}, refusal.status, headers)
    if refusal.status == 401:
        link = f"<p><a href='{escape(prefix)}/sign-in'>Sign in</a></p>"
        button = link if refusal is SIGN_IN_FIRST else ""
        return page(
            "Sign in to Assay",
            _marked(refusal.reason)
            + button
            + "<p>Have you signed in already? <a href=''>Load this page again</a>.</p>",
            401,
        )
    return page("Not allowed", _marked(refusal.reason), refusal.status)


def _marked(text: str) -> str:
    """Text with `code` in backquotes, as a paragraph."""
    parts = escape(text).split("`")
    return (
        "<p>"
        + "".join(
            f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts)
        )
        + "</p>"
    )


def signed_in(prefix: str, *, goes_on: bool) -> HTMLResponse:
    """For who comes from another site: the browser sends the new cookie with the next request that
    our own page starts.

    Args:
        goes_on: the page starts it by itself; otherwise the person does, with a click.
    """
    home = f"{escape(prefix)}/"
    refresh = f"<meta http-equiv='refresh' content='0; url={home}'>" if goes_on else ""
    link = f"<p><a href='{home}'>Open Assay</a></p>"
    return page("You are signed in", link, head=refresh)


def sign_out_form(user: str, prefix: str) -> HTMLResponse:
    """Asks before signing out: a page of another site may lead here, not press the button."""
    return page(
        "Sign out",
        f"<p>You are signed in as {escape(user)}.</p>"
        f"<form method='post' action='{escape(prefix)}/sign-out'>"
        "<button>Sign out</button></form>",
    )


def signed_out(prefix: str, *, has_provider: bool) -> HTMLResponse:
    """After signing out: how to sign in again."""
    if has_provider:
        again = f"<p><a href='{escape(prefix)}/sign-in'>Sign in</a></p>"
    else:
        again = _marked("Run `assay ui --link` for a new sign-in link.")
    return page("You are signed out", again)
