#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# A child that only writes lines, for a parent that captures them: run_child --capture -- sh example.sh
echo 'hello from a shell, 3 carts are open'
echo 'WARN slow query' >&2
echo '{"level":"error","msg":"cannot save the cart","cart":4711}' >&2
