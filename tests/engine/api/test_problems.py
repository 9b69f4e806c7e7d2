from __future__ import annotations

import logging

import pytest
from werkzeug.exceptions import MethodNotAllowed, NotFound

from engine import errors
from engine.api.problems import body_of, problem_response, status_and_text
from supervisors import Refusal, ServiceUnavailable


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidParameter, 400),
        (errors.Unauthorized, 401),
        (errors.Forbidden, 403),
        (errors.NotFound, 404),
        (errors.Conflict, 409),
        (errors.NotModified, 304),
        (errors.NotImplementedHere, 501),
        (errors.Unavailable, 503),
        (errors.DeadlineExceeded, 504),
        (errors.SystemFailure, 500),
    ],
)
def test_each_kind_of_error_has_its_status(kind: type[errors.EngineError], status: int) -> None:
    assert status_and_text(kind("No such container: x")) == (status, "No such container: x")


def test_a_service_that_is_away_is_503() -> None:
    assert status_and_text(ServiceUnavailable("images", "images is restarting")) == (
        503,
        "images is restarting",
    )


def test_unknown_paths_and_wrong_methods_have_dockerds_text() -> None:
    assert status_and_text(NotFound()) == (404, "page not found")
    assert status_and_text(MethodNotAllowed()) == (404, "page not found")


def test_an_answer_from_within_a_nursery_is_still_an_answer() -> None:
    group = ExceptionGroup("nursery", [ExceptionGroup("inner", [errors.Conflict("in use")])])
    assert status_and_text(group) == (409, "in use")


def test_a_bug_is_500_with_its_text_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert status_and_text(ValueError("boom")) == (500, "boom")
    assert "unexpectedly" in caplog.text


def test_a_refusal_of_no_known_kind_is_500_and_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    assert status_and_text(Refusal("no")) == (500, "no")
    assert not caplog.records


def test_bodies_end_in_a_newline() -> None:
    assert body_of('say "x"') == b'{"message":"say \\"x\\""}\n'


async def test_not_modified_has_no_body() -> None:
    response = problem_response(errors.NotModified("already started"))
    assert (response.status_code, await response.get_data()) == (304, b"")
    assert not response.headers
