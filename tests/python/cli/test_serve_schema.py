"""Whatever the OpenAPI document allows, and what it does not, is asked of a real server: no answer is a failure of its own,
and each is as documented."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from histories import MS, History, fill
from serving import Serving

pytestmark = pytest.mark.any_python

schemathesis = pytest.importorskip("schemathesis")
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "formats" / "openapi.json"
EXAMPLES = 2000 if "TACHOGRAPH_SOAK" in os.environ else 10
CHECKS = ("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance")


def operations() -> list[Any]:
    """What the document says can be asked."""
    schema = schemathesis.openapi.from_path(str(DOCUMENT))
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
@pytest.mark.parametrize("kind", ["positive", "negative"])
@pytest.mark.filterwarnings("default")  # of a library, about what it cannot make wrong
@pytest.mark.longer
def test_every_answer_is_as_documented(cli: Any, tmp_path: Path, operation: Any, kind: str) -> None:
    history = History(cli, tmp_path / "shop.db")
    shop = history.service()
    fill(shop)
    shop.sample(5, {"MainThread": {"main;work": 7 * MS}}, version="1", run="a" * 32)
    shop.fail(5, "shop.orders::Orders.search", "KeyError", 3, samples=[{"message": "no", "args": "[1]"}])
    server = Serving(cli, history.done())
    try:
        csrf = server.api("session")["csrf"]
        headers = {"Authorization": f"Bearer {server.token}", "X-Tachograph-CSRF": csrf}
        mode = schemathesis.GenerationMode(kind)
        checks = [schemathesis.checks.CHECKS.get_one(name) for name in CHECKS]

        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize="TACHOGRAPH_SOAK" not in os.environ,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        def ask(case: Any) -> None:
            answer = case.call(base_url=f"http://{server.host}:{server.port}", headers=headers)
            case.validate_response(answer, checks=checks)

        try:
            ask()
        except hypothesis.errors.Unsatisfiable:
            pytest.skip("there is nothing to get wrong")
        assert server.get("/healthz").status == 200
    finally:
        assert server.stop()[0] == 0
