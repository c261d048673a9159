"""What a Flask application spends its time on, as a page of the application for those whom it names.

    from tachograph.flask import blueprint

    app.register_blueprint(blueprint)
    app.config["OX_PROF_USERS"] = {"anna", "ben"}

``/ox_profile/status`` shows what the sampler of the process has seen, as a page, and as JSON to those who ask for that
(``Accept: application/json``, or ``?format=json``). ``/ox_profile/pause`` and ``/ox_profile/unpause`` show a button; the
change is its POST. They reach all workers of a server, of which each has a sampler and figures of its own: the page says
whose it shows.

Registering the blueprint starts a sampler that is paused, unless the process has one already. Settings, in
``app.config``:

- ``OX_PROF_USERS``: the names of those who may look; nobody unless it is set. They are compared with flask_login's
  ``current_user``.
- ``OX_PROF_USERNAME_FIELD``: which attribute of ``current_user`` that is; else ``name``.
- ``OX_PROF_HZ``: looks a second at all threads, when the blueprint is registered; else 100.

The application needs a secret key (``app.secret_key``): the session has the value that proves that a POST comes from the
page.
"""

from __future__ import annotations

import hmac
import os
import secrets

import flask

from tachograph import _native, _samples, _sampling, _settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HZ = 100.0
_ROWS = 100
_ROWS_MAX = 10_000
_CSRF = "_ox_profile_csrf"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<h1>{{ title }}</h1>
"""

_STATUS = (
    _HEAD
    + """<p>Process {{ pid }} {{ "pauses" if is_paused else "samples" }}, {{ "%g" % hz }} Hz. It has taken
{{ total_records }} samples{% if obstacle %}; {{ obstacle }}{% endif %}.
<p><a href="{{ url_for(".pause") }}">Pause</a> <a href="{{ url_for(".unpause") }}">Unpause</a>
<a href="{{ url_for(".status", format="json") }}">JSON</a>
{% if processes|length > 1 %}
<h2>Workers</h2>
<table>
<tr><th>process<th>state<th>Hz<th>looks
{% for worker in processes %}<tr><td>{{ worker.pid }}{% if worker.pid == pid %} (this page){% endif %}<td>{{ worker.state }}
<td>{{ worker.rate_hz }}<td>{{ worker.tick_count }}
{% endfor %}</table>
{% endif %}
<h2>Functions</h2>
{% if functions %}<table>
<tr><th>hits<th>share<th>self<th>function<th>where
{% for f in functions %}<tr><td>{{ f.hits }}<td>{{ "%.1f" % (100 * f.share) }} %<td>{{ f.self_hits }}<td>{{ f.name }}<td>
{{- f.file }}:{{ f.line }}
{% endfor %}</table>
{% if function_count > functions|length %}<p>And {{ function_count - functions|length }} more.{% endif %}
{% else %}<p>Nothing has been seen yet{% if is_paused %}: it pauses{% endif %}.{% endif %}
"""
)

_CHANGE = (
    _HEAD
    + """<p>{{ "No more samples are taken, in all workers, until unpaused." if action == "pause"
else "Threads are looked at " ~ "%g" % hz ~ " times a second, in all workers." }}
<form method="post"><input type="hidden" name="csrf_token" value="{{ csrf_token }}"><button>{{ title }}</button></form>
<p><a href="{{ url_for(".status") }}">Status</a>
"""
)


def _begin(state: Any) -> None:
    """Has the process sampled, but not yet, when an application takes the blueprint."""
    if _settings.disabled() or _native.sampling_state()[0]:
        return
    known = _settings.Known()
    hz, _, mode, signals = _sampling.wanted(known, float(state.app.config.get("OX_PROF_HZ", _HZ)), True, None, None)
    if hz:
        _sampling.start_native(hz, True, mode, signals)
        # Workers that are forked from this process have recordings at once, so that orders reach them.
        os.register_at_fork(after_in_child=_native.start_recording)


def _is_user() -> bool:
    """Whether the request comes from one of those whom the application names."""
    allowed = flask.current_app.config.get("OX_PROF_USERS") or ()
    if isinstance(allowed, str):  # "anna" is one name, and not four letters
        allowed = (allowed,)
    try:
        from flask_login import current_user
    except ImportError:
        return False
    try:
        if not current_user.is_authenticated:
            return False
        name = getattr(current_user, flask.current_app.config.get("OX_PROF_USERNAME_FIELD", "name"), None)
    except AttributeError:  # the application has no login manager
        return False
    return isinstance(name, str) and name in allowed


def _is_of_this_site() -> bool:
    """Whether a browser says that a POST comes from elsewhere."""
    origin = flask.request.headers.get("Origin")
    site = flask.request.headers.get("Sec-Fetch-Site")
    return (origin is None or origin == flask.request.host_url.rstrip("/")) and site in (None, "same-origin")


def _csrf_token() -> str:
    """The value that a POST has to bring, made at the first question of a session."""
    token = flask.session.get(_CSRF)
    if not isinstance(token, str):
        token = flask.session[_CSRF] = secrets.token_urlsafe(24)
    return token


def _has_csrf_token() -> bool:
    given = flask.request.headers.get("X-CSRF-Token") or flask.request.form.get("csrf_token", "")
    known = flask.session.get(_CSRF)
    return isinstance(known, str) and hmac.compare_digest(given.encode(), known.encode())


def _wants_json() -> bool:
    wish = flask.request.args.get("format")
    accepted = flask.request.accept_mimetypes
    return wish == "json" if wish else accepted["application/json"] > accepted["text/html"]


def _workers(pause: bool | None) -> list[dict[str, Any]]:
    """The samplers of all workers, after an order to them if there is one."""
    path = _native.recording_path()
    rows = _native.sampler_family(path, pause) if path else []
    own, own_is_paused = os.getpid(), _native.sampling_state()[1]  # what the others see comes a moment later
    return [
        {
            "pid": pid,
            "state": "paused" if (own_is_paused if pid == own else is_paused) else "running",
            "rate_hz": rate_hz,
            "tick_count": tick_count,
            "obeyed": obeyed,
        }
        for pid, is_paused, rate_hz, tick_count, obeyed in rows
    ]


def _limit() -> int:
    try:
        return min(max(int(flask.request.args.get("limit", _ROWS)), 1), _ROWS_MAX)
    except ValueError:
        flask.abort(400, "limit is a number")


def _known() -> dict[str, Any]:
    """What is to be told of this process and the others."""
    samples, state = _samples.read(), _samples.state()
    workers = _workers(None)
    for worker in workers:
        del worker["obeyed"]
    whole = samples.total_records or 1
    functions = samples.functions[: _limit()]
    return {
        "pid": os.getpid(),
        "is_sampling": state.is_sampling,
        "is_paused": state.is_paused,
        "hz": state.hz,
        "obstacle": state.obstacle,
        "total_records": samples.total_records,
        "function_count": len(samples.functions),
        "functions": [
            {
                "name": function.name,
                "file": function.file,
                "line": function.line,
                "hits": function.hits,
                "self_hits": function.self_hits,
                "share": function.hits / whole,
            }
            for function in functions
        ],
        "processes": workers,
    }


blueprint = flask.Blueprint("ox_profile", __name__, url_prefix="/ox_profile")
OX_PROF_BP = blueprint
blueprint.record(_begin)


@blueprint.before_request
def _check() -> None:
    """Nothing is told to others, and nothing changed by what is not a POST from the page."""
    if not _is_user():
        flask.abort(403, "app.config['OX_PROF_USERS'] names who may see this")
    if flask.request.method == "POST" and not (_is_of_this_site() and _has_csrf_token()):
        flask.abort(403, "this comes from another page: open the form again")


@blueprint.after_request
def _guard(response: Any) -> Any:
    """Tells browsers to keep nothing of it, and to load nothing for it."""
    response.headers.update(_HEADERS)
    return response


@blueprint.route("/status")
def status() -> Any:
    """What was seen, and how it is sampled."""
    known = _known()
    if _wants_json():
        return flask.jsonify({**known, "csrf_token": _csrf_token()})
    return flask.render_template_string(_STATUS, title="Profile", **known)


def _change(action: str) -> Any:
    """The form, or what it does."""
    if flask.request.method != "POST":
        hz = _samples.state().hz
        return flask.render_template_string(
            _CHANGE, title=action.capitalize(), action=action, hz=hz, csrf_token=_csrf_token()
        )
    workers = _workers(action == "pause")
    silent = [str(worker["pid"]) for worker in workers if not worker["obeyed"]]
    if silent or not workers:
        flask.abort(503, f"no sampler answers: {', '.join(silent) or os.getpid()}; see the status")
    if _wants_json():
        return flask.jsonify({"pid": os.getpid(), "processes": workers})
    return flask.redirect(flask.url_for(".status"), 303)


@blueprint.route("/pause", methods=["GET", "POST"])
def pause() -> Any:
    """Holds the samplers of all workers."""
    return _change("pause")


@blueprint.route("/unpause", methods=["GET", "POST"])
def unpause() -> Any:
    """Lets the samplers of all workers go on."""
    return _change("unpause")
