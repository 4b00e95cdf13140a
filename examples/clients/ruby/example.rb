# SPDX-License-Identifier: MIT OR Apache-2.0
# All that a program in Ruby has to do. Try: run_child -- ruby examples/clients/ruby/example.rb
require_relative "pipe_handler"

# Into the parent's pipe, or to stderr as before.
logger = PipeHandler.attach(Logger.new($stderr, level: :info, progname: "shop"))

logger.info("hello from Ruby, 3 carts are open")
logger.warn("shop.db", ms: 12.5, tables: %w[carts items]) { "slow query" } # the argument is the target then
begin
  begin
    raise Errno::ECONNRESET
  rescue SystemCallError
    raise IOError, "the database did not answer"
  end
rescue IOError => e
  logger.error("cannot save the cart", err: e, cart: 4711)
end
Process.wait(fork { logger.info("2 carts are left") })
