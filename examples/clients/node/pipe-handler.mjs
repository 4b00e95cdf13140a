// SPDX-License-Identifier: MIT OR Apache-2.0
// pipe-handler.mjs 0.1.0: sends the log records of a Node program into the record pipe of its parent.
// Copy this file; it needs nothing but Node 20 or later. The format is in record-proto/PROTOCOL.md.
//
//     const logger = pino({ level: pinoLevel() }, pinoDestination())    // pino
//     patchConsole()                                                    // console.log and its siblings
//     log('info', 'hello', { user: 'ada', n: 7 })                       // without a library
//
// When a log call returns, its record is in the pipe; if the pipe is full, the call waits until the parent reads. It does
// not throw, whatever the values do, and once the parent is gone it does nothing. Without a pipe, pino logs to stdout as
// ever, the console is left alone, and `log` writes a line to stderr. Records have no file and no line. Import this file
// in the main thread: workers that start afterwards share its pipe and its counters.

import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { parse } from 'node:path'
import { format, inspect, types } from 'node:util'
import * as workers from 'node:worker_threads'

const LEVELS = { __proto__: null, off: 0, fatal: 1, critical: 1, error: 1, warn: 2, warning: 2, notice: 3, info: 3, debug: 4, trace: 5 }
const NAMES = ['silent', 'error', 'warn', 'info', 'debug', 'trace']
const PIPE_BUF = process.platform === 'linux' ? 4096 : 512
const MAX_NAME = 1024, MAX_MESSAGE = 256 * 1024, MAX_PAYLOAD = 320 * 1024, ERROR_ROOM = 32 * 1024
const MAX_DEPTH = 8, MAX_VALUES = 8127, MAX_NESTING = 4
const program = parse(process.argv[1] ?? process.execPath).name

/** Logs a message with fields of any type: `log('warn', 'slow', { ms: 1203 })`. Filters select by the target. */
export function log(level, message, fields = {}, target = program) {
  const number = LEVELS[level] ?? LEVELS.info
  if (enabled(number, target, LEVELS.info)) emit(number, target, message, pairsOf(fields))
}

/** Returns a destination for pino, or undefined if there is no pipe. The `name` of a logger is the target. */
export function pinoDestination({ messageKey = 'msg', errorKey = 'err' } = {}) {
  if (!session) return undefined
  return {
    [Symbol.for('pino.metadata')]: true, // so pino sets lastLevel and lastObj before each write
    writable: true, // so pino(destination) takes it for a stream and not for options
    write(line) {
      const level = Math.min(5, Math.max(1, 6 - Math.floor(this.lastLevel / 10)))
      const { target, message, fields, error } = readPino(line, this.lastObj ?? {}, messageKey, errorKey)
      if (enabled(level, target)) emit(level, target, message, fields, error)
    }
  }
}

/** Returns pino's name of the level that the parent asks for, or `own` if it asks for none. */
export function pinoLevel(own = 'info') {
  return session?.filter ? NAMES[Math.max(...session.filter.map(([, level]) => level))] : own
}

/** Makes records of what console.error, warn, info, log, debug and trace print, unless there is no pipe. */
export function patchConsole(target = 'console') {
  if (!session) return
  for (const [method, level] of Object.entries({ error: 1, warn: 2, info: 3, log: 3, debug: 4, trace: 5 })) {
    console[method] = (...args) => {
      if (!enabled(level, target)) return
      const text = () => format(...args.map(arg => isError(arg) ? causes(arg).join(': ') : arg))
      emit(level, target, attempt(text, '[unprintable]'), args.filter(isError).map(error => ['err', error]))
    }
  }
}

/** Reports how many records were sent. It happens by itself at the exit. */
export function close() {
  if (!session) return
  const [, sent, dropped] = session.counters
  write(new Packer(64).bytes([4, 0x95]).int(process.pid).time().int(sent).int(dropped).int(session.instance))
}

// --- The pipe -------------------------------------------------------------------------------------------------------

const SESSION = 'record pipe, session 1'
const fragmentStream = randomBytes(8).readBigUInt64BE() // of this thread
const timer = new Int32Array(new SharedArrayBuffer(4))
let gone = false
let session = workers.getEnvironmentData(SESSION) // in a worker: that of the main thread

/** Opens the session of this process, if it has a pipe, and says hello. */
function open() {
  const fd = attempt(adopt)
  if (fd === undefined) return
  const { filter, mistake } = parseFilter(process.env.RECORD_PIPE_FILTER)
  // Records taken, sent and dropped. Workers count in the same memory: the process is one session with one close.
  const counters = new BigInt64Array(new SharedArrayBuffer(24))
  session = { fd, filter, counters, instance: randomBytes(4).readUInt32BE() }
  workers.setEnvironmentData(SESSION, session)
  write(new Packer(2048).bytes([0, 0x96, 1]).int(process.pid).str(program, MAX_NAME).time().nil().int(session.instance))
  if (mistake) emit(LEVELS.warn, program, `RECORD_PIPE_FILTER is no filter, so info applies: ${mistake}`, [])
  process.on('exit', close)
}

/** Returns the pipe that RECORD_PIPE names, or undefined, or throws, if the descriptor is not that pipe. */
function adopt() {
  const [version, number, dev, ino, ...buffer] = (process.env.RECORD_PIPE ?? '').split(':')
  const isPipe = fd => {
    const stat = fs.fstatSync(fd, { bigint: true })
    return stat.isFIFO() && stat.dev === BigInt(dev) && stat.ino === BigInt(ino)
  }
  if (version !== 'v1' || !/^\d+$/.test(number) || !isPipe(+number)) return undefined
  const fd = claim(+number, isPipe)
  if (fd !== undefined) closeBuffer(buffer)
  return fd
}

/** Closes the shared buffer, if there is one: it is not used here, and no program shall inherit it. */
function closeBuffer([number, dev, ino, size]) {
  try {
    const stat = fs.fstatSync(+number, { bigint: true })
    const isMemory = fs.readlinkSync(`/proc/self/fd/${+number}`).startsWith('/memfd:')
    if (isMemory && stat.dev === BigInt(dev) && stat.ino === BigInt(ino) && stat.size === BigInt(size)) fs.closeSync(+number)
  } catch {} // there is none
}

/** Takes the descriptor for this process alone. Node has no fcntl: it opens the pipe anew and closes the number. */
function claim(number, isPipe) {
  if (process.platform !== 'linux') return number
  const { O_WRONLY, O_RDWR, O_NONBLOCK } = fs.constants
  const flags = /^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${number}`, 'latin1'))[1]
  if ((parseInt(flags, 8) & 3) === 0) return undefined // a read end
  let fd
  try {
    // The new description is close-on-exec and blocks, whatever the old one does. The probe fails if a named FIFO has no
    // reader: the second call would wait for one.
    const probe = fs.openSync(`/proc/self/fd/${number}`, O_WRONLY | O_NONBLOCK)
    fd = fs.openSync(`/proc/self/fd/${number}`, O_WRONLY)
    fs.closeSync(probe)
  } catch (error) {
    return error.code === 'EACCES' ? number : undefined // the pipe of another user: the number has to do
  }
  if (!isPipe(fd)) return fs.closeSync(fd)
  fs.closeSync(number) // throws EBADF if other code has claimed it
  if (number <= 2) fs.openSync('/dev/null', O_RDWR) // gets the lowest free number, which is this one
  return fd
}

/** Parses `info,worker::db=debug` into pairs of the beginning of a target and a level, the longest first. */
function parseFilter(text = '') {
  if (text.trim() === '') return {}
  const filter = []
  for (const part of text.split(',').map(part => part.trim()).filter(Boolean)) {
    const [, target = '', level] = /^(?:([^=]*)=)?(off|error|warn|info|debug|trace)$/i.exec(part) ?? []
    if (!level) return { filter: [['', LEVELS.info]], mistake: text }
    filter.push([target, LEVELS[level.toLowerCase()]])
  }
  return { filter: filter.reverse().sort(([a], [b]) => b.length - a.length) } // the later of two for one target
}

function enabled(level, target, own = LEVELS.trace) {
  if (!session?.filter) return level <= own
  return level <= (session.filter.find(([start]) => String(target).startsWith(start))?.[1] ?? 0)
}

/** Writes a frame, or the fragments of one above PIPE_BUF, each by one write, which the kernel keeps whole. */
function write(packer) {
  const frame = packer.frame()
  if (frame.length <= PIPE_BUF) return writeFrame(frame)
  const size = PIPE_BUF - 39
  const piece = new Packer(PIPE_BUF)
  for (let from = 4, index = 0; from < frame.length; from += size, index++) {
    piece.reset().bytes([2, 0x95]).int(process.pid).int(fragmentStream).int(index).bool(from + size >= frame.length)
    if (!writeFrame(piece.bin(frame.subarray(from, from + size)).frame())) return false
  }
  return true
}

function writeFrame(frame) {
  while (!gone) {
    try {
      return fs.writeSync(session.fd, frame) > 0
    } catch (error) {
      if (error.code === 'EAGAIN') Atomics.wait(timer, 0, 0, 1) // only if the number had to do, and does not block
      else gone = true // EPIPE: there is no reader any more
    }
  }
  return false
}

// --- Records --------------------------------------------------------------------------------------------------------

const idle = [] // packers; there are more than one only while a value logs itself
let nesting = 0
let identity

function emit(level, target, message, fields, error) {
  if (!session) return printLine(level, target, message, fields)
  if (gone) return
  const packer = idle.pop() ?? new Packer(MAX_PAYLOAD + 4096)
  nesting++
  let packed
  try {
    packed = pack(packer, level, target, message, nesting > MAX_NESTING ? [] : fields, error)
  } catch { // no stack left
  }
  nesting--
  // The number is taken last, because a value may have logged meanwhile: the order in the pipe is that of the numbers.
  const seq = Atomics.add(session.counters, 0, 1n) + 1n
  if (packed) packer.buffer.writeBigUInt64BE(seq, 9)
  Atomics.add(session.counters, packed && write(packer) ? 1 : 2, 1n)
  idle.push(packer)
}

function pack(packer, level, target, message, fields, error = firstError(fields)) {
  const text = typeof message === 'string' ? message : attempt(() => String(message), '[unprintable]')
  packer.reset().bytes([1, 0xdc, 0, 18, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0]).time().int(level).str(String(target), MAX_NAME)
  const original = packer.text(text, MAX_MESSAGE)
  packer.bytes(identity ??= packIdentity())
  packer.end = MAX_PAYLOAD - (error ? ERROR_ROOM : 0)
  packer.pairs(fields, error).nil()
  packer.end = MAX_PAYLOAD
  if (error) packer.bytes([0x94]).str(error.text, ERROR_ROOM / 4).error(error)
  else packer.nil()
  return packer.optional(original).nil().int(session.instance)
}

/** The fields from pid to line, the same in all records of this thread. */
function packIdentity() {
  const id = attempt(() => Number(fs.readlinkSync('/proc/thread-self').split('/').pop()))
  const name = workers.isMainThread ? 'main' : workers.threadName || `worker-${workers.threadId}`
  const packer = new Packer(8192).int(process.pid).str(program, MAX_NAME).optional(id).str(name, MAX_NAME).nil().nil().nil()
  return packer.buffer.subarray(4, packer.at)
}

/** A record without a pipe. */
function printLine(level, target, message, fields) {
  const line = () => {
    const pairs = fields.map(([key, value]) => ` ${key}=${attempt(() => inspect(value, TEXT), '[unprintable]')}`)
    return `${new Date().toISOString()} ${NAMES[level].toUpperCase()} ${target}: ${message}${pairs.join('')}\n`
  }
  attempt(() => fs.writeSync(2, line()))
}

/** The fields as a list, read once: a getter is code of the user. */
function pairsOf(fields) {
  if (isError(fields)) return [['err', fields]]
  if (typeof fields !== 'object' || fields === null) return fields == null ? [] : [['value', fields]]
  const read = key => [key, attempt(() => fields[key], '[unprintable]')]
  return attempt(() => Object.keys(fields), []).map(read)
}

function firstError(fields) {
  const found = fields.find(([, value]) => isError(value))
  return found && errorOf(...found)
}

function errorOf(key, error) {
  const [text, ...sources] = causes(error)
  return { key, text, sources, backtrace: isError(error) ? attempt(() => inspect(error)) : undefined }
}

/** The text of an error and those of its causes, nearest first. */
function causes(error) {
  const texts = []
  const seen = new Set()
  const text = e => isError(e) && e.name === 'Error' ? String(e.message) : String(e)
  for (let e = error; (e != null || e === error) && !seen.has(e) && texts.length < 32; e = attempt(() => e.cause)) {
    texts.push(attempt(() => text(e), '[unprintable]'))
    seen.add(e)
  }
  return texts
}

function isError(value) {
  return typeof value === 'object' && attempt(() => value instanceof Error, false)
}

/** Reads a line of pino, to which redaction and serializers were applied. The object itself helps only with types. */
function readPino(line, given, messageKey, errorKey) {
  const parsed = attempt(() => JSON.parse(line))
  if (typeof parsed !== 'object' || parsed === null) return { target: program, message: line.trimEnd(), fields: [] }
  const { name = program, [messageKey]: message = '', ...rest } = parsed
  const fields = []
  let error
  for (const [key, value] of Object.entries(rest)) {
    const raw = attempt(() => given[key])
    if (raw === undefined && ['level', 'time', 'pid', 'hostname'].includes(key)) continue
    if (!error && value && typeof value === 'object' && (key === errorKey || isError(raw))) {
      error = readPinoError(key, value, raw)
      const { type, message, stack, ...more } = value
      fields.push([key, error.text], ...Object.entries(more).map(([name, value]) => [`${key}.${name}`, value]))
    } else fields.push([key, typeof raw === 'bigint' && value === Number(raw) ? raw : value])
  }
  return { target: String(name), message, fields, error }
}

/** pino's serializer joins the texts of the causes. A key without a serializer has {} for an error. */
function readPinoError(key, { type, message, stack }, raw) {
  const given = isError(raw) ? errorOf(key, raw) : { key, text: '', sources: [] }
  if (message === undefined) return given
  if (message === attempt(() => [raw.message, ...given.sources].join(': '))) return { ...given, backtrace: stack }
  return { key, text: type && type !== 'Error' ? `${type}: ${message}` : String(message), sources: [], backtrace: stack }
}

/** The result of a task that may call code of the user, or `otherwise` if it throws. */
function attempt(task, otherwise) {
  try {
    return task()
  } catch {
    return otherwise
  }
}

// --- MessagePack ----------------------------------------------------------------------------------------------------

const FULL = new Error('the record is full')
const TEXT = { breakLength: Infinity, depth: 1, maxStringLength: 10000 }
let offset = 0 // from performance.now to the time of day

class Packer {
  constructor(size) {
    this.buffer = Buffer.allocUnsafeSlow(size)
    this.reset()
  }

  reset() {
    this.at = 4 // after the length
    this.end = this.buffer.length
    this.left = MAX_VALUES
    this.ancestors = []
    return this
  }

  frame() {
    this.buffer.writeUInt32BE(this.at - 4, 0)
    return this.buffer.subarray(0, this.at)
  }

  bytes(list) {
    this.buffer.set(list, this.at)
    this.at += list.length
    return this
  }

  nil() {
    this.buffer[this.at++] = 0xc0
    return this
  }

  bool(value) {
    this.buffer[this.at++] = value ? 0xc3 : 0xc2
    return this
  }

  optional(number) {
    return number === undefined ? this.nil() : this.int(number)
  }

  tag(byte, at = this.at) {
    this.buffer[at] = byte
    return at + 1
  }

  int(n) {
    if (n >= 0 && n < 0x80) this.buffer[this.at++] = Number(n)
    else if (n >= 0 && n <= 0xffffffff) this.at = this.buffer.writeUInt32BE(Number(n), this.tag(0xce))
    else if (n >= 0) this.at = this.buffer.writeBigUInt64BE(BigInt(n), this.tag(0xcf))
    else if (n >= -32) this.buffer[this.at++] = Number(n) & 0xff
    else this.at = this.buffer.writeBigInt64BE(BigInt(n), this.tag(0xd3))
    return this
  }

  /** Nanoseconds since 1970. Date.now is right and coarse; performance.now is fine, and drifts. */
  time() {
    const ms = Date.now()
    let fine = performance.now() + offset
    if (fine < ms || fine >= ms + 1) {
      offset += ms - fine
      fine = ms
    }
    return this.int(BigInt(ms) * 1_000_000n + BigInt(Math.floor((fine - ms) * 1e6)))
  }

  /** Text of at most this many bytes, cut at a character. Returns the whole length if it was cut. */
  text(text, most) {
    const start = this.at + 5
    const length = this.buffer.write(text, start, most) // makes U+FFFD of a lone surrogate
    const whole = text.length * 3 > most ? Buffer.byteLength(text) : length
    this.buffer.writeUInt32BE(length, this.tag(0xdb))
    this.at = start + length
    return whole > length ? whole : undefined
  }

  /** Text with a mark if it is cut. */
  str(text, most = Math.max(0, this.end - this.at)) {
    if (text.length < 32 && this.ascii(text)) return this
    const head = this.at
    const whole = this.text(text, most)
    if (whole) {
      this.at += this.buffer.write(`… (cut, ${whole} bytes)`, this.at)
      this.buffer.writeUInt32BE(this.at - head - 5, head + 1)
    }
    return this
  }

  /** Short text in a loop, which is faster than a call of Buffer.write. */
  ascii(text) {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) return false
      this.buffer[this.at + 1 + i] = code
    }
    this.at = this.tag(0xa0 | text.length) + text.length
    return true
  }

  bin(bytes) {
    this.at = this.buffer.writeUInt32BE(bytes.length, this.tag(0xc6))
    return this.bytes(bytes)
  }

  /** The key-values, as many as fit. That of the record's error is its text. */
  pairs(fields, error) {
    const head = this.at
    this.at += 3
    let count = 0
    for (const [key, value] of fields) {
      const start = this.at
      if (this.left-- <= 0 || this.at >= this.end) {
        this.str('cut').str(`… (cut after ${count++} pairs)`, 64)
        break
      }
      try {
        this.str(key).value(error && key === error.key ? error.text : value, 1)
      } catch { // a structure that does not fit
        this.at = start
        this.str(key, MAX_NAME).shown(value)
      }
      count++
    }
    this.buffer.writeUInt16BE(count, this.tag(0xde, head))
    return this
  }

  /** The rest of an error value after its text. */
  error({ key, sources, backtrace }) {
    this.bytes([0xdc, 0, sources.length])
    for (const source of sources) this.str(source, ERROR_ROOM / 4 / sources.length)
    if (typeof backtrace === 'string') this.str(backtrace, ERROR_ROOM / 4)
    else this.nil()
    return key === null ? this.nil() : this.str(key, MAX_NAME)
  }

  /** Counts values against the limit. */
  room(values) {
    this.left -= values
    if (this.left < 0 || this.at >= this.end) throw FULL
  }

  value(value, depth) {
    this.room(0)
    switch (typeof value) {
      case 'string': return this.str(value)
      case 'boolean': return this.bool(value)
      case 'undefined': return this.nil()
      case 'bigint': return value >= -(2n ** 63n) && value < 2n ** 64n ? this.int(value) : this.str(String(value))
      case 'number':
        if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.int(value)
        this.at = this.buffer.writeDoubleBE(value, this.tag(0xcb))
        return this
      case 'object': if (value === null) return this.nil()
    }
    const start = this.at
    try {
      return typeof value === 'object' ? this.object(value, depth) : this.shown(value)
    } catch (error) {
      if (error === FULL) throw error
      this.at = start
      return this.shown(value)
    }
  }

  /** A value without a type on the wire, as the console would show it. */
  shown(value) {
    return this.str(attempt(() => inspect(value, TEXT), '[unprintable]'))
  }

  object(value, depth) {
    if (isError(value)) return this.str(causes(value).join(': '))
    if (types.isAnyArrayBuffer(value)) return this.object(new Uint8Array(value), depth)
    if (value instanceof Uint8Array) return value.length < this.end - this.at ? this.bin(value) : this.cut(value.length, 'bytes')
    if (typeof value.toJSON === 'function') return this.value(value.toJSON() ?? String(value), depth + 1)
    const seen = this.ancestors.indexOf(value)
    if (seen >= 0 && seen < depth) return this.str('[Circular]')
    if (depth > MAX_DEPTH) return this.shown(value)
    this.ancestors[depth] = value
    if (types.isSet(value)) return this.list([...Set.prototype.values.call(value)], depth)
    if (types.isMap(value)) return this.map([...Map.prototype.entries.call(value)], depth)
    if (Array.isArray(value) || types.isTypedArray(value)) return this.list(value, depth)
    const keys = Object.keys(value)
    const isPlain = keys.length > 0 || [Object.prototype, null].includes(Object.getPrototypeOf(value))
    return isPlain ? this.map(keys.map(key => [key, value[key]]), depth) : this.shown(value)
  }

  list(items, depth) {
    const length = items.length >>> 0
    if (length > this.left) return this.cut(length, 'values')
    this.room(length)
    this.at = this.buffer.writeUInt16BE(length, this.tag(0xdc))
    for (let i = 0; i < length; i++) this.value(items[i], depth + 1)
    return this
  }

  map(pairs, depth) {
    if (pairs.length > this.left) return this.cut(pairs.length, 'values')
    this.room(pairs.length)
    this.at = this.buffer.writeUInt16BE(pairs.length, this.tag(0xde))
    for (const [key, value] of pairs) this.str(typeof key === 'string' ? key : inspect(key, TEXT)).value(value, depth + 1)
    return this
  }

  cut(number, what) {
    return this.str(`… (cut, ${number} ${what})`)
  }
}

if (!session) open()
if (session) {
  process.on('uncaughtExceptionMonitor', thrown => {
    const error = errorOf(null, thrown)
    emit(LEVELS.error, 'panic', error.text, [], error)
  })
}
