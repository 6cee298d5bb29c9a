"""`metricfit serve`: a model behind HTTP, until it is asked to end."""

import logging

from ...trainers.errors import MetricfitError
from ...trainers.geometry import size_text
from ..predictor import find_model, load_predictor
from ..reports import say
from .options import ServeOptions, is_loopback, limits_of

log = logging.getLogger("metricfit")


def run(options: ServeOptions) -> int:
    """Run the verb; gives 0 once all that was accepted is answered."""
    limits_of(options, 1)
    path = find_model(options.model)
    try:
        from .application import Service
        from .requests.origins import origins_for
        from .server import Server, bind, end_at_once, url_of
        from .work.answers import batch_of
    except ImportError as error:
        raise MetricfitError(
            f"serving needs the package {error.name}, which is not installed: pip install 'metricfit[serve]'"
        ) from error
    with bind(options.host, options.port) as listener:
        predictor = load_predictor(path, threshold=options.threshold, threads=options.threads, trust=options.trust)
        limits = limits_of(options, batch_of(predictor))
        service = Service(
            predictor,
            limits,
            name=predictor.card.name if predictor.card else path.name,
            origins=origins_for(options.host, options.allow_host),
            access_log=options.access_log,
        )
        server = Server(service, options.proxy)
        if not is_loopback(options.host):
            log.warning(
                "anybody on the network can use this server at %s: it asks for no password and speaks no HTTPS, so put "
                "a proxy that does before it",
                options.host,
            )
        what = f"{predictor.task.name}, {size_text(predictor.runner.size)} px, {predictor.threshold.explained}"
        say("serving %s (%s, %s) at %s", service.name, predictor.file, what, url_of(listener))
        log.info("%s", limits.text)
        log.info("Ctrl-C ends it, once what runs is answered; again, at once")
        server.run_at(listener)
    log.info("ended")
    if server.unanswered:
        log.warning(
            "%d requests were not answered within the %g seconds that --drain-seconds allows",
            server.unanswered,
            limits.drain_seconds,
        )
        # A thread may be in the model still, and would be waited for.
        end_at_once(143)
    return 0
