# SPDX-License-Identifier: MIT OR Apache-2.0
# The test child: run_child -- ruby child.rb SCENARIO [ARG..]
require "bigdecimal"
require "date"
require_relative "pipe_handler"

scenario, *args = ARGV
logger = PipeHandler.attach(Logger.new($stderr, progname: "clients.#{scenario}"))

case scenario
when "hello"
  logger.info("hello from Ruby", user: "ada", n: 7)
when "types"
  cyclic = []
  cyclic << cyclic
  deep = (1..12).inject("bottom") { |inner, _| [inner] }
  silent = Class.new { def to_s = raise("no text") }.new
  { "nil" => nil, "true" => true, "false" => false, "int" => -7, "i64_min" => -2**63, "u64_max" => 2**64 - 1,
    "big_int" => 2**64, "float" => 1.5, "inf" => Float::INFINITY, "nan" => Float::NAN, "str" => "text", "empty" => "",
    "symbol" => :sym, "bytes" => "\x00\xff".b, "list" => [1, "two", [3.0], nil], "map" => { "a" => 1, b: { c: [] }, 3 => 4 },
    "time" => Time.utc(2023, 11, 14, 22, 13, 20), "date" => Date.new(2023, 11, 14), "decimal" => BigDecimal("0.1"),
    "rational" => 3.to_r / 4, "range" => 1..3, "cyclic" => cyclic, "deep" => deep, "many" => (1..10_000).to_a,
    "silent" => silent, "basic_object" => BasicObject.new }.each { |type, value| logger.info(type, value: value) }
when "error"
  begin
    begin
      raise IOError, "no such file"
    rescue IOError
      raise ArgumentError, "cannot open"
    end
  rescue ArgumentError => e
    logger.error("failed", job: 7, err: e, second: e)
    logger.error(e)
  end
when "big"
  logger.info("x" * args.fetch(0).to_i)
when "unicode"
  logger.info("größe 日本 🦀 \u0000 \e[31m", "ключ" => "значение")
  logger.info("not UTF-8: \xff\xfe", "k\xff" => "\xed\xa0\x80")
  logger.info("größe".encode("UTF-16LE"), latin: "größe".encode("ISO-8859-1"), binary: "größe".b)
when "flood"
  threads, count = args.map(&:to_i)
  threads.times.map { |t| Thread.new { count.times { |i| logger.info("flood", thread: t, i: i) } } }.each(&:join)
when "fork"
  logger.info("before the fork")
  Process.wait(fork { logger.info("in the fork") })
  logger.info("after the fork")
else
  abort "scenario: hello, types, error, big BYTES, unicode, flood THREADS N or fork"
end
