from __future__ import annotations

import base64
from typing import Any

import pytest
import trio

from engine.domain.plugins.authorization import Authorization, Question
from engine.errors import EngineError, Forbidden, SystemFailure, Unavailable

ALLOW = {"Allow": True}


class Plugin:
    def __init__(
        self, house: House, name: str, answers: list[dict[str, Any] | EngineError]
    ) -> None:
        self.house, self.name, self.answers = house, name, answers

    async def call(self, method: str, body: dict[str, Any], *, patience: float) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.house.calls.append((self.name, method, body))
        answer = self.answers.pop(0)
        if isinstance(answer, EngineError):
            raise answer
        return answer


class House:
    def __init__(self, **answers: list[dict[str, Any] | EngineError]) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.plugins = {name: Plugin(self, name, each) for name, each in answers.items()}

    async def get(self, name: str, kind: str) -> Plugin:
        assert kind == "authz"
        if name not in self.plugins:
            raise Unavailable(f'plugin "{name}": gone')
        return self.plugins[name]


QUESTION = Question(
    method="POST",
    uri="/v1.41/containers/create?name=x",
    headers={"Content-Type": "application/json", "X-Registry-Auth": "secret"},
    body=b"{}",
)


async def test_request_is_asked_in_order_and_response_in_reverse() -> None:
    house = House(one=[ALLOW, ALLOW], two=[ALLOW, ALLOW])
    found = Authorization(("one", "two", "one"), house.get)
    await found.request(QUESTION)
    await found.response(QUESTION, 201, {"Content-Type": "application/json"}, b"{...}")
    assert [(name, method[-3:]) for name, method, _ in house.calls] == [
        ("one", "Req"),
        ("two", "Req"),
        ("two", "Res"),
        ("one", "Res"),
    ]
    sent, told = house.calls[0][2], house.calls[-1][2]
    assert sent == {
        "RequestMethod": "POST",
        "RequestUri": "/v1.41/containers/create?name=x",
        "RequestBody": base64.b64encode(b"{}").decode(),
        "RequestHeaders": {"Content-Type": "application/json"},
    }
    assert told["ResponseStatusCode"] == 201
    assert base64.b64decode(told["ResponseBody"]) == b"{...}"


async def test_denial_is_final_and_has_dockerds_words() -> None:
    house = House(one=[{"Allow": False, "Msg": "no\x1b way"}], two=[])
    with pytest.raises(Forbidden) as refusal:
        await Authorization(("one", "two"), house.get).request(QUESTION)
    assert str(refusal.value) == "authorization denied by plugin one: no way"
    assert len(house.calls) == 1


@pytest.mark.parametrize("answer", [{}, {"Allow": "true"}, {"Allow": 1}, {"Msg": "fine"}])
async def test_only_true_allows(answer: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        await Authorization(("one",), House(one=[answer]).get).request(QUESTION)


async def test_plugin_that_cannot_be_asked_refuses() -> None:
    with pytest.raises(SystemFailure) as refusal:
        await Authorization(("none",), House().get).request(QUESTION)
    assert str(refusal.value) == 'plugin none failed with error: plugin "none": gone'
    house = House(one=[SystemFailure("broken")])
    with pytest.raises(SystemFailure, match="plugin one failed with error: broken"):
        await Authorization(("one",), house.get).response(QUESTION, 200, {}, b"")
