# SPDX-License-Identifier: MIT OR Apache-2.0
# pipe_handler.rb, version 0.1.0: records of Ruby's Logger on a record pipe (wire format 1). Copy this file.
#
#     logger = PipeHandler.attach(Logger.new($stderr, progname: "app.jobs"), worker: 3)
#     logger.info("done", job: 7, took: 1.5)
#     logger.error("failed", err: exception)
#
# The progname is the target, and the further arguments of attach are the context. Without a pipe, the logger writes as
# before. Needs Ruby 3.1 or later and no gem; Linux, or a system with fork and fcntl.
require "etc"
require "fcntl"
require "logger"

module PipeHandler
  VERSION = "0.1.0"
  LEVELS = %w[off error warn info debug trace].freeze

  class << self
    # Makes +logger+ write to the pipe, if the process has one. In any case it then takes key-values.
    def attach(logger, **context)
      @pipe = Pipe.adopt unless defined?(@pipe)
      logger.extend(self)
      return logger unless @pipe
      @pipe.hello(context)
      logger.instance_variable_set(:@record_pipe, @pipe)
      words = ENV["RECORD_PIPE_FILTER"].to_s.dup.force_encoding("UTF-8").scrub
      return logger if words.strip.empty?
      rules = filter(words) || [["", 3]]
      logger.level = 4 - rules.map(&:last).max
      logger.instance_variable_set(:@record_rules, rules)
      return logger if filter(words)
      logger.warn("pipe_handler") { "cannot read the filter #{words.inspect} of RECORD_PIPE_FILTER, using info" }
      logger
    end

    private

    # [target, level], the longest target first; nil if it cannot be parsed
    def filter(words)
      rules = words.split(",").map(&:strip).reject(&:empty?).to_h do |word|
        target, level = word.include?("=") ? word.split("=", 2).map(&:strip) : ["", word]
        [target, LEVELS.index(level.downcase) || (return nil)]
      end
      return if rules.empty?
      rules.sort_by { |target, _| -target.size }
    end
  end

  # The methods of Logger, with key-values.
  { trace: -1, debug: 0, info: 1, warn: 2, error: 3, fatal: 4, unknown: 5 }.each do |name, severity|
    define_method(name) { |progname = nil, **pairs, &block| add(severity, nil, progname, **pairs, &block) }
  end

  def add(severity, message = nil, progname = nil, **pairs, &block)
    severity ||= Logger::UNKNOWN
    message, progname = progname, nil if message.nil? && block.nil?
    target = progname || self.progname
    wire = (4 - severity).clamp(1, 5)
    if @record_rules
      name = (target || Pipe.process).to_s
      return true if wire > (@record_rules.find { |prefix, _| name.start_with?(prefix) }&.last || 0)
    elsif severity < level
      return true
    end
    message = block.call if message.nil? && block
    message = "" if message.nil? && pairs.any?
    if @record_pipe
      place = caller_locations(1, 12).find { |at| at.path != __FILE__ && !at.path.end_with?("/logger.rb") }
      begin
        @record_pipe.record(wire, target, message, pairs, place)
      rescue StandardError => e # values that lie about themselves
        @record_pipe.record(wire, target.to_s, "a record that cannot be encoded: #{e.class}", {}, place)
      end
    elsif pairs.empty?
      super(severity, message, target)
    else # the limits also keep values without end from the terminal
      shown = Fields.new.pairs(pairs).map { |key, value| "#{key}=#{value.inspect}" }
      super(severity, [message, *shown].join(" "), target)
    end
    true
  end

  def log(...) = add(...)
  def <<(text) = @record_pipe ? (add(Logger::INFO, text.to_s.chomp) && self) : super
  def level=(value) # the filter of the parent overrides it
    super unless @record_rules
  end

  # The fields of one record, cut so that the record keeps to the limits of a reader.
  class Fields
    attr_accessor :bytes, :values

    def initialize
      @bytes, @values = 304 * 1024, 8_000 # of 320 KiB and 8,192
    end

    # Valid UTF-8 of at most +max+ bytes and a mark
    def text(value, max = @bytes / 2)
      whole = utf8(string(value))
      text = whole.bytesize > max ? "#{whole.byteslice(0, max).scrub("")}… (cut, #{whole.bytesize} bytes)" : whole
      @bytes -= text.bytesize
      text
    end

    # The message, and its length if it was cut
    def message(value, max = 256 * 1024)
      value = chain(value).first if Exception === value
      whole = utf8(String === value ? value : string(value, :inspect))
      text = whole.byteslice(0, max).scrub("")
      @bytes -= text.bytesize
      [text, (whole.bytesize if whole.bytesize > max)]
    end

    def pairs(hash)
      done = []
      hash.each do |key, value|
        before = [@bytes, @values]
        pair = catch(:full) { [text(key, 1024), value(value)] }
        @bytes, @values = before unless pair
        break done << ["cut", "… (cut after #{done.size} pairs)"] if @bytes < 4096 || @values < 8
        @values -= 1 unless pair
        done << (pair || [text(key, 1024), text(outline(value))])
      end
      done
    end

    # [message, sources, backtrace, key] of an exception
    def error(exception, key)
      first, *causes = chain(exception).map { |one| text(one, 16 * 1024) }
      @values -= causes.size
      [first, causes, exception.backtrace && text(exception.backtrace.join("\n"), 32 * 1024), key]
    end

    def chain(exception)
      chain = []
      while exception && chain.size < 16
        chain << exception_text(exception)
        exception = exception.cause
      end
      chain
    end

    private

    def exception_text(exception)
      "#{exception.class}: #{exception.message}"
    rescue StandardError
      exception.class.to_s
    end

    def string(value, method = :to_s)
      defined?(BigDecimal) && BigDecimal === value ? value.to_s("F") : "#{value.public_send(method)}"
    rescue StandardError, ScriptError, SystemStackError => e
      "(a value without text: #{e.class})"
    end

    # The beginning of a structure as text: `inspect` of one that shares its parts may have no end
    def outline(value, out = +"")
      case value
      when Array, Hash
        out << value.class.to_s << "("
        value.each { |*item| out.bytesize < 1024 ? outline(item.size > 1 ? item : item[0], out) << ", " : break }
        out << "…)"
      when String, Symbol, Numeric then out << utf8(string(value))[0, 256]
      else out << value.class.to_s
      end
    end

    def value(value, depth = 1)
      throw :full if (@values -= 1).negative? || (@bytes -= 9).negative?
      case value
      when nil, true, false, Float then value
      when Integer then value.between?(-2**63, 2**64 - 1) ? value : text(value)
      when Exception then text(chain(value).join(": "), 16 * 1024)
      when String
        return text(value) if value.encoding != Encoding::BINARY || value.ascii_only? || value.bytesize > @bytes / 2
        @bytes -= value.bytesize
        value
      when Array, Hash
        if depth > 8 then text(outline(value))
        elsif Array === value then value.map { |item| value(item, depth + 1) }
        else Map.new(value.map { |key, item| [text(key, 1024), value(item, depth + 1)] })
        end
      else text(value)
      end
    end

    def utf8(text)
      return text if text.encoding == Encoding::UTF_8 && text.valid_encoding?
      raise EncodingError if text.encoding == Encoding::BINARY
      text.encode("UTF-8", invalid: :replace, undef: :replace).scrub("\uFFFD")
    rescue EncodingError
      text.dup.force_encoding("UTF-8").scrub("\uFFFD")
    end
  end

  Map = Struct.new(:pairs) { def inspect = pairs.to_h.inspect }

  # The write end: one for each process.
  class Pipe
    LOCK = Mutex.new

    # Of the process; the target of a logger without progname
    def self.process = File.basename($PROGRAM_NAME, ".rb").scrub

    # The pipe of RECORD_PIPE, or nil. A descriptor that is not this pipe is left alone.
    def self.adopt
      version, *numbers = ENV["RECORD_PIPE"].to_s.split(":")
      return unless version == "v1" && numbers.size >= 3 && numbers.first(3).all?(/\A\d+\z/)
      number, dev, ino = numbers.map(&:to_i)
      given = IO.for_fd(number, autoclose: false)
      stat = given.stat
      return unless stat.pipe? && stat.dev == dev && stat.ino == ino
      return if given.fcntl(Fcntl::F_GETFL) & Fcntl::O_ACCMODE == Fcntl::O_RDONLY
      own = begin # a file description of its own may have O_NONBLOCK
        File.open("/proc/self/fd/#{number}", File::WRONLY | File::NONBLOCK)
      rescue SystemCallError
        given
      end
      high = [100, Process.getrlimit(:NOFILE).first / 2].min
      io = IO.for_fd(own.fcntl(Fcntl::F_DUPFD, high), "wb")
      io.close_on_exec = true
      own.close if own != given
      if number < 3
        [STDIN, STDOUT, STDERR][number].reopen(File::NULL, number.zero? ? "r" : "w")
      else
        given.autoclose = true
        given.close
      end
      close_buffer(numbers.drop(3).map(&:to_i))
      new(io, own != given)
    rescue SystemCallError, ArgumentError, RangeError
      nil
    end

    # Closes the shared buffer, if there is one: it is not used here, and no program shall inherit it.
    def self.close_buffer(numbers)
      number, dev, ino, size = numbers
      return unless size
      file = IO.for_fd(number, "r+", autoclose: false)
      stat = file.stat
      seals = file.fcntl(1034) # F_GET_SEALS, which only memory has
      return unless stat.dev == dev && stat.ino == ino && stat.size == size && seals & 7 == 7
      file.autoclose = true
      file.close
    rescue SystemCallError, ArgumentError, RangeError
      nil
    end

    def initialize(io, own)
      @io, @own, @pipe_buf, @context = io, own, io.pathconf(Etc::PC_PIPE_BUF), {}
      @late, @written = [], 0
      at_exit { finish($!) }
    end

    def hello(context)
      @context = @context.merge(context)
      locked { session }
    end

    def record(level, target, message, pairs, place, panic: nil)
      fields = Fields.new
      pairs = { error: message, **pairs } if Exception === message && !panic
      text, original = fields.message(message)
      key, error = pairs.find { |_, value| Exception === value }
      error = panic || error
      if error
        error = fields.error(error, key && fields.text(key, 1024))
        pairs = pairs.merge(key => error[0]) if key
      end
      thread = Thread.current # native_thread_id of the main one is stale after a fork
      id = thread == Thread.main ? Process.pid : thread.native_thread_id
      rest = [now, level, fields.text(target || Pipe.process, 1024), text, Process.pid, Pipe.process, id,
              thread.name && fields.text(thread.name, 1024), nil, place && fields.text(place.path, 1024), place&.lineno,
              Map.new(fields.pairs(pairs)), Map.new(fields.pairs(@context)), error, original, nil]
      rest = rest.each_with_object("".b) { |field, out| pack(field, out) }
      locked { send_record(level, rest) }
    end

    private

    # Thread#raise and Timeout strike while this waits for room, and never between a write and its count.
    def locked(&work)
      Thread.handle_interrupt(Object => :on_blocking) { LOCK.synchronize { work.call if @io } }
    rescue ThreadError # in a handler of a signal
      @late = @late.select(&:alive?) << Thread.new { locked(&work) }
    end

    # A process begins its session when it adopts the pipe, and a fork when it first logs.
    def session
      return if @pid == Process.pid
      @instance, @stream = Random.urandom(12).unpack("NQ")
      @seq = @sent = 0
      @handled = $! # of a fork within a rescue
      @lost, @unreported, @closed = [0] * 5, [0] * 5, false
      frame(0, 1, Process.pid, Pipe.process, now, Map.new(Fields.new.pairs(@context)), @instance)
      @pid = Process.pid
    end

    def send_record(level, rest)
      session
      report
      seq, written, count = @seq, @written, nil
      payload = pack(@seq += 1, "\x01\xdc\x00\x12".b)
      pack(@instance, payload << rest)
      size = payload.bytesize + 4 <= @pipe_buf ? payload.bytesize : @pipe_buf - 39
      count = (payload.bytesize + size - 1) / size
      return put(payload) if count == 1
      count.times do |index|
        frame(2, @pid, (@stream + @seq) % 2**64, index, index == count - 1, payload.byteslice(index * size, size))
      end
    ensure
      if count && @written - written == count then @sent += 1
      elsif seq && @seq > seq
        @lost[level - 1] += 1
        @unreported[level - 1] += 1
      end
      close if @closed
    end

    def report
      return if @unreported.sum.zero?
      written = @written
      frame(3, @pid, now, @unreported, @instance)
    ensure
      @unreported = [0] * 5 if written && @written > written
    end

    def close
      report
      frame(4, @pid, now, @sent, @lost.sum, @instance, nil, @lost)
      @closed = true
    end

    def finish(error)
      if error && @pid == Process.pid && [@handled, SystemExit, SignalException].none? { |one| one === error }
        record(1, "panic", error, {}, error.backtrace_locations&.first, panic: error)
      end
      @late.each(&:join)
      locked { close if @pid == Process.pid }
    end

    def frame(kind, *fields) = put(pack(fields, [kind].pack("C")))

    # One write for each frame. It waits for room between writes, where an exception does no harm. One that a signal
    # raises right after the write makes it count as dropped although it arrives: Ruby cannot defer these.
    def put(payload)
      bytes = [payload.bytesize].pack("N") << payload
      begin
        return unless @io
        @own ? @io.write_nonblock(bytes) : @io.syswrite(bytes)
        @written += 1
      rescue Errno::EAGAIN
        IO.select(nil, [@io])
        retry
      rescue Errno::EINTR
        retry
      rescue SystemCallError, IOError # the reader is gone
        @io = nil
      end
    end

    def now = Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)

    def pack(value, out)
      case value
      when nil then out << 0xc0
      when false then out << 0xc2
      when true then out << 0xc3
      when Float then out << [0xcb, value].pack("CG")
      when 0..127 then out << value
      when Integer then out << (value.negative? ? [0xd3, value].pack("Cq>") : [0xcf, value].pack("CQ>"))
      when String
        bin = value.encoding == Encoding::BINARY
        head(0xa0, bin ? 0xc6 : 0xdb, value.bytesize, bin ? 0 : 32, out)
        out << value.b
      when Array
        head(0x90, 0xdd, value.size, 16, out)
        value.each { |item| pack(item, out) }
      when Map
        head(0x80, 0xdf, value.pairs.size, 16, out)
        value.pairs.each { |pair| pair.each { |item| pack(item, out) } }
      end
      out
    end

    def head(short, long, size, room, out) = out << (size < room ? short | size : [long, size].pack("CN"))
  end
end
