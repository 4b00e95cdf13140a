"""Logs the same three lines through the logger that the first argument names."""

import logging
import sys


def lines(info, warn, error):
    info("ready")
    warn("disk almost full")
    error("cannot open")


def stdlib(**settings):
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, **settings)
    lines(logging.info, logging.warning, logging.error)


def logging_default():
    stdlib()


def logging_format():
    stdlib(format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")


def logging_json():
    from pythonjsonlogger.json import JsonFormatter

    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.root.addHandler(handler)
    logging.root.setLevel(logging.DEBUG)
    for log, text in [(logging.info, "ready"), (logging.warning, "disk almost full"), (logging.error, "cannot open")]:
        log(text, extra={"port": 8080, "ratio": 0.5})


def loguru():
    from loguru import logger

    lines(logger.info, logger.warning, logger.error)


def loguru_colours():
    from loguru import logger

    logger.remove()
    logger.add(sys.stderr, colorize=True)
    lines(logger.info, logger.warning, logger.error)


def loguru_json():
    from loguru import logger

    logger.remove()
    logger.add(sys.stderr, serialize=True)
    logger = logger.bind(port=8080, ratio=0.5)
    lines(logger.info, logger.warning, logger.error)


def structlog_console():
    import structlog

    log = structlog.get_logger()
    lines(log.info, log.warning, log.error)


def structlog_json():
    import structlog

    processors = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(processors=processors)
    log = structlog.get_logger().bind(port=8080, ratio=0.5)
    lines(log.info, log.warning, log.error)


def absl():
    from absl import logging as absl_logging

    absl_logging._warn_preinit_stderr = False
    absl_logging.set_verbosity(absl_logging.INFO)
    absl_logging.use_absl_handler()
    lines(absl_logging.info, absl_logging.warning, absl_logging.error)


def logbook():
    import logbook

    logbook.StreamHandler(sys.stderr).push_application()
    log = logbook.Logger("app")
    lines(log.info, log.warning, log.error)


globals()[sys.argv[1]]()
