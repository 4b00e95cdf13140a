# SPDX-License-Identifier: MIT OR Apache-2.0
"""A child in Python: run_child -- python3 example.py"""

import logging

import pipe_handler

pipe_handler.install()

logging.getLogger("shop").info("hello from Python, %d carts are open", 3)
log = logging.getLogger("shop.db")
log.warning("slow query", extra={"ms": 12.5, "tables": ["carts", "items"]})
try:
    try:
        raise ConnectionResetError("connection reset by peer")
    except OSError as cause:
        raise RuntimeError("the database did not answer") from cause
except RuntimeError:
    log.exception("cannot save the cart", extra={"cart": 4711})
