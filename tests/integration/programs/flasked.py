"""A Flask application with tachograph's blueprint, whose users sign in by name."""

import importlib.metadata
import os

import flask
import flask_login
from tachograph.flask import OX_PROF_BP, blueprint

assert OX_PROF_BP is blueprint
app = flask.Flask(__name__)
app.secret_key = "of a test"
app.config["OX_PROF_HZ"] = 1000
app.register_blueprint(blueprint)
app.config["OX_PROF_USERS"] = {"anna"}
login = flask_login.LoginManager(app)


class User(flask_login.UserMixin):
    def __init__(self, name):
        self.id = self.name = name
        self.email = f"{name}@example.org"


@login.user_loader
def load(name):
    return User(name)


@app.route("/enter/<name>")
def enter(name):
    flask_login.login_user(User(name))
    return str(os.getpid())


@app.route("/version")
def version():
    return importlib.metadata.version("flask")


@app.route("/work")
def work():
    return str(sum(step(n) for n in range(200_000)) and os.getpid())


def step(n):
    return n + 1
