"""What a browser is shown that has no right token: a page with a field for it. It needs no JavaScript."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from typing import Literal

from starlette.responses import HTMLResponse

from edge.languages.catalogue import choose, translate

Problem = Literal["wrong", "two"]
"""Why somebody is asked who showed something: a token that opens nothing, or those of two people at once."""

PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
:root {{ --page: #f3f6f8; --card: #fffffe; --text: #16242e; --soft: #4f606c; --line: #cbd5dc; --edge: #8c9ba6;
  --accent: #1f6f8b; --accent-text: #fff; --bad: #b3261e; --bad-card: #fdecea; --focus: #0b57d0 }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: #0f171d; --card: #18232b; --text: #e7eef3; --soft: #a5b4bf;
  --line: #36454f; --edge: #6f828f; --accent: #6cc3de; --accent-text: #08202a; --bad: #ff9d94; --bad-card: #3a1d1c;
  --focus: #9ecbff }} }}
body {{ font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 0; padding: 1rem;
  background: var(--page); color: var(--text) }}
main {{ max-width: 26rem; margin: 10vh auto; padding: 1.2rem 1.4rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 14px }}
h1 {{ font-size: 1.4rem; margin: .6rem 0 .5rem; letter-spacing: -.01em }}
p {{ margin: 0; color: var(--soft) }}
label {{ display: block; font-weight: 600; margin-top: 1.2rem }}
input, button {{ font: inherit; box-sizing: border-box; width: 100%; min-height: 2.75rem; padding: .5rem .75rem;
  border: 1px solid var(--edge); border-radius: 8px; background: var(--card); color: var(--text) }}
button {{ margin-top: .75rem; cursor: pointer; font-weight: 600; border-color: var(--accent);
  background: var(--accent); color: var(--accent-text) }}
:focus-visible {{ outline: 3px solid var(--focus); outline-offset: 2px }}
[role=alert] {{ margin-bottom: .8rem; padding: .6rem .8rem; border: 1px solid var(--bad); border-radius: 10px;
  background: var(--bad-card); color: var(--text) }}
</style>
<main>
<svg width="32" height="32" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#1f6f8b"/>
<path d="M7 22h4v-6H7zm7 0h4V9h-4zm7 0h4v-9h-4z" fill="#fff"/></svg>
<h1>{title}</h1>
{alert}<p>{explanation}</p>
<form method="post">
<label for="token">{label}</label>
<input id="token" name="token" type="password" maxlength="256" autocomplete="current-password" autocapitalize="none"
 spellcheck="false" required autofocus>
<button>{button}</button>
</form>
</main>
</html>
"""


def token_page(wanted: str, problem: Problem | None) -> HTMLResponse:
    """The page, with status 403.

    Args:
        wanted: Languages in order of preference, as browsers send them: `de-CH,de;q=0.9,en`.
        problem: What was wrong with what was shown; None: nothing was.
    """
    return HTMLResponse(_text(choose(wanted), problem), 403, {"Vary": "Accept-Language, Accept"})


@lru_cache(maxsize=64)
def _text(language: str, problem: Problem | None) -> str:  # keeps what strangers may ask for all the time
    problems = {
        "wrong": translate("This token opens nothing. It may be mistyped, revoked or expired.", language),
        "two": translate(
            "Your browser shows the tokens of two people, so neither counts: a page of another site may have set one. "
            "Load this page again. If this comes back, delete the cookies of this site, and enter your token.",
            language,
        ),
    }
    texts = {
        "language": language,
        "title": translate("This page needs a token", language),
        "explanation": translate(
            "Whoever runs this page gives you one. You are asked once; a token is like a password, so keep it to "
            "yourself.",
            language,
        ),
        "label": translate("Token", language),
        "button": translate("Open", language),
    }
    alert = "" if problem is None else f'<p role="alert">{escape(problems[problem])}</p>\n'
    return PAGE.format(alert=alert, **{name: escape(text) for name, text in texts.items()})
