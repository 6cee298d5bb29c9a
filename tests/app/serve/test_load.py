"""Many clients for two seconds; `python -m tests.soak.serve` loads a real process for a minute."""

from ...soak.serve import KINDS, load
from .clients import served, service_of


def test_good_requests_are_answered_among_bad_ones_and_while_the_server_ends():
    answers = {("huge", 413), ("many pixels", 413), ("broken", 422), ("slow", 408), ("reader", 200)}
    service = service_of(bytes=4_000_000, upload_seconds=1.0)
    with served(service) as (port, server):

        def end():
            server.should_exit = True

        outcome = load(port, 2.0, 2 * len(KINDS) // 3 + 9, end=end, largest=200, wanted=answers)
    assert outcome.faults == []
    assert outcome.counts["good", 200] == len(outcome.seconds) > 20
    assert answers <= set(outcome.counts)
    assert server.unanswered == service._held.bytes == len(service.answers.line) == 0
