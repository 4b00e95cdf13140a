# SPDX-License-Identifier: MIT OR Apache-2.0
# The test child: ruby child.rb SCENARIO [ARG..], see tests/clients/main.rs
require "json"
require_relative "nasty"
require_relative "pipe_handler"

scenario, *args = ARGV
numbers = args.map(&:to_i)
logger = Logger.new($stderr, progname: "clients.#{scenario}")
PipeHandler.attach(logger) unless scenario == "json"

# count records from threads
def flood(threads, count)
  each = Array.new(threads) { |t| count / threads + (t < count % threads ? 1 : 0) }
  each.map { |records| Thread.new { records.times { |n| yield n } } }.each(&:join)
end

case scenario
when "hello"
  logger.info("hello from Ruby", user: "ada", n: 7)
when "types"
  { null: nil, bool: true, int: -7, big: 2**53 + 1, unsigned: 2**64 - 1, float: 1.5, whole: 1.0, text: "x",
    list: [1, "a", nil], map: { a: 1, b: [true] } }.each { |type, value| logger.info(type.to_s, value: value) }
  %i[trace debug info warn error].each { |level| logger.public_send(level, "level") }
when "error"
  begin
    begin
      raise IOError, "no such file"
    rescue IOError
      raise ArgumentError, "cannot open"
    end
  rescue ArgumentError => e
    logger.error("failed", err: e)
  end
when "nasty"
  nasty(logger)
when "flood"
  flood(*numbers) { |n| logger.info("flood", n: n) }
when "json"
  logger.formatter = proc do |severity, time, progname, message|
    JSON.generate(time: time.utc.iso8601(6), level: severity, target: progname, **message) << "\n"
  end
  require "time"
  flood(*numbers) { |n| logger.info({ message: "flood", n: n }) }
when "big"
  logger.info("x" * numbers[0])
  logger.info("after")
when "unicode"
  text = "grüße 漢字 🦀 \a \e[31m \n \u2028"
  logger.info(text, text => text)
when "ack"
  $stdout.sync = true
  (0..).each do |n|
    logger.info("ack", n: n)
    puts n
  end
when "survive"
  $stdout.sync = true
  puts "ready"
  $stdin.gets
  numbers[0].times { |n| logger.info("survive", n: n) }
  puts "done"
when "fork"
  logger.info("parent")
  Process.wait(fork { logger.info("child") })
  logger.info("parent again")
when "families"
  log = Array.new(4) { Thread.new { 500.times { |n| logger.info("family", n: n, padding: "p" * 10_000) } } }
  numbers[0].times do
    fork do
      logger.info("child")
      logger.info("child", family: "c" * 10_000)
    end
  end
  log.each(&:join)
  Process.waitall
when "uncaught"
  raise "nobody catches this"
else
  abort "child.rb: no scenario #{scenario.inspect}, see tests/clients/main.rs"
end
