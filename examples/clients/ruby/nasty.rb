# SPDX-License-Identifier: MIT OR Apache-2.0
# The values of examples/clients/nasty.md for the test child.
require "bigdecimal"
require "set"

# A value whose text fails
class Raises
  def to_s = raise("no text")
  def inspect = raise("no text")
end

# What usually ends a program
class RaisesExit
  def to_s = raise(NotImplementedError, "no text")
end

class NotText
  def to_s = 7
end

class HugeTextOf
  def to_s = "x" * (10 << 20)
end

class Logs
  def initialize(logger) = @logger = logger

  def to_s
    @logger.info("inner")
    "logged"
  end
end

class AnswersEverything < BasicObject
  def method_missing(*) = self
  def respond_to_missing?(*) = true
end

class ErrorRaises < StandardError
  def message = raise("no message")
end

class OwnCause < StandardError
  def cause = self
end

class EndlessCauses < StandardError
  def cause = EndlessCauses.new("one more")
end

class Endless
  include Enumerable
  def each = loop { yield 1 }
end

OnePoint = Struct.new(:a)

def nested(depth) = depth.times.inject(1) { |inner, _| [inner] }

def nasty(logger)
  surrogate = "a\xED\xA0\x80b"
  mebi = 1 << 20
  cycle = []
  cycle << cycle
  map_cycle = {}
  map_cycle[:self] = map_cycle
  {
    "i64-min" => -2**63, "u64-max" => 2**64 - 1, "beyond-u64" => 2**64, "below-i64" => -2**63 - 1,
    "very-long-integer" => 10**10_000, "nan" => Float::NAN, "infinity" => Float::INFINITY,
    "minus-infinity" => -Float::INFINITY, "minus-zero" => -0.0, "least-float" => 5e-324,
    "greatest-float" => Float::MAX, "decimal" => BigDecimal("1.10"), "complex" => 1i,
    "surrogate" => surrogate, "nul" => "a\0b", "empty-text" => "", "huge-text" => "x" * mebi,
    "huge-wide-text" => "🦀" * 100_000, "bytes" => "\x00\xff".b, "huge-bytes" => "\xff".b * mebi,
    "integer-keys" => { 1 => "a" }, "odd-keys" => { nil => 1, 1.5 => 2, [1] => 3 },
    "depth-8" => nested(8), "depth-9" => nested(9), "depth-100000" => nested(100_000), "cycle" => cycle,
    "map-cycle" => map_cycle, "huge-list" => (0...100_000).to_a,
    "wide-graph" => 12.times.inject(1) { |inner, _| [inner] * 100 }, "set" => Set[1], "endless" => Endless.new,
    "object" => OnePoint.new(1), "date" => Time.utc(2024, 2, 29, 12, 30), "symbol" => :a, "function" => -> {},
    "type" => String, "error-value" => RuntimeError.new("an error"), "raises" => Raises.new,
    "raises-in-list" => [Raises.new], "raises-exit" => RaisesExit.new, "not-text" => NotText.new,
    "logs" => Logs.new(logger), "huge-text-of" => HugeTextOf.new, "answers-everything" => AnswersEverything.new,
    "error-raises" => ErrorRaises.new, "cause-cycle" => OwnCause.new("own"), "causes-without-end" => EndlessCauses.new
  }.each { |name, value| logger.info(name, value: value) }
  huge = "x" * (200 << 10)
  logger.info("huge-together", value: huge, b: huge, c: huge)
  logger.info("huge-message #{"x" * mebi}")
  logger.info("surrogate-message #{surrogate}")
  logger.info("empty-key", "": 1)
  logger.info("nul-key", "a\0b": 1)
  logger.info("surrogate-key", surrogate => 1)
  logger.info("duplicate-key", value: 1, "value" => 2)
  logger.info("long-key", "k" * (100 << 10) => 1)
  logger.info("huge-key", "k" * mebi => 1)
  logger.info("many-keys", **(0...10_000).to_h { |n| [:"k#{n}", n] })
  logger.info("integer-key", 7 => 1)
  logger.info("end")
end
