# SPDX-License-Identifier: MIT OR Apache-2.0
# A child that logs: run_child -- ruby example.rb
require_relative "pipe_handler"

logger = PipeHandler.attach(Logger.new($stderr, progname: "example"), worker: 3)
logger.level = :info
logger.debug("not shown unless the parent wants it")
logger.info("hello", job: 7, took: 1.5, tags: ["a", nil], state: { done: false })
logger.warn("example.db") { "a target of its own" }
begin
  begin
    Integer("seven")
  rescue ArgumentError
    raise "cannot read the job"
  end
rescue StandardError => e
  logger.error("failed", err: e)
end
logger.info("x" * 100_000)
[1, 2].map { |n| Thread.new { 20.times { |i| logger.info("from a thread", thread: n, i:) } } }.each(&:join)
Process.wait(fork { logger.info("from a fork") })
system("true")
