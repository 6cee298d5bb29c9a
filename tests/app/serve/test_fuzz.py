"""Some hundred random requests; `python -m tests.soak.serve_requests` sends many thousands."""

import asyncio

from ...soak import serve_requests
from .clients import Reply


def test_no_request_ends_in_500_or_keeps_anything(caplog):
    faults, counts = asyncio.run(serve_requests.run(400, seed=7))
    assert faults == []
    assert sum(counts.values()) == 400
    assert {200, 400, 422} <= set(counts)


def test_what_a_fault_is():
    assert serve_requests.fault(Reply(500, {}, b'{"error": "x"}'))
    assert serve_requests.fault(Reply(422, {}, b'{"error": "<object at 0x12>"}'))
    assert serve_requests.fault(Reply(422, {}, b'{"error": "x", "more": 1}'))
    assert not serve_requests.fault(Reply(422, {}, b'{"error": "x"}'))
