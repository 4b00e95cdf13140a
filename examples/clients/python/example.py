# SPDX-License-Identifier: MIT OR Apache-2.0
"""A worker whose log records go into its parent's logger, or to stderr if it is started by hand."""

import logging

import pipe_handler

pipe_handler.install()
log = logging.getLogger("shop.cart")

log.info("cart saved", extra={"cart": 4711, "items": 3, "total": 59.7, "tags": ["new", None]})
try:
    try:
        raise ConnectionResetError("connection reset by peer")
    except OSError as cause:
        raise RuntimeError("the database did not answer") from cause
except RuntimeError:
    log.exception("cannot save the cart", extra={"cart": 4712})
