// The records of ../nasty.md for Node.

const raise = () => { throw new Error('raised') }
const nest = (depth, make) => Array.from({ length: depth }).reduce(make, 1)
const raises = { toString: raise, toJSON: raise, [Symbol.for('nodejs.util.inspect.custom')]: raise }
const x = 'x'.repeat(1024 * 1024)

export function nasty(log) {
  const cycle = []
  cycle.push(cycle)
  const mapCycle = {}
  mapCycle.self = mapCycle
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const values = {
    'i64-min': -(2n ** 63n),
    'u64-max': 2n ** 64n - 1n,
    'beyond-u64': 2n ** 64n,
    'below-i64': -(2n ** 63n) - 1n,
    'very-long-integer': 10n ** 10000n,
    nan: NaN,
    infinity: Infinity,
    'minus-infinity': -Infinity,
    'minus-zero': -0.0,
    'least-float': 5e-324,
    'greatest-float': Number.MAX_VALUE,
    surrogate: 'a\ud800b',
    nul: 'a\0b',
    'empty-text': '',
    'huge-text': x,
    'huge-wide-text': '🦀'.repeat(100_000),
    bytes: Buffer.from([0, 255]),
    'huge-bytes': new Uint8Array(1024 * 1024),
    'integer-keys': { 1: 'a' },
    'odd-keys': new Map([[null, 1], [1.5, 2], [{}, 3]]),
    'depth-8': nest(8, inner => [inner]),
    'depth-9': nest(9, inner => [inner]),
    'depth-100000': nest(100_000, inner => [inner]),
    cycle,
    'map-cycle': mapCycle,
    'huge-list': Array.from({ length: 100_000 }, (_, i) => i),
    set: new Set([1]),
    endless: { * [Symbol.iterator]() { for (let i = 0; ; i++) yield i } },
    object: new class { a = 1 }(),
    date: new Date('2024-02-29T12:30:00Z'),
    undefined: undefined,
    symbol: Symbol('s'),
    function: () => 1,
    type: class Type {},
    'error-value': new TypeError('no'),
    raises,
    'raises-in-list': [raises],
    'not-text': { toString: () => 7, [Symbol.for('nodejs.util.inspect.custom')]: () => 7 },
    logs: { toJSON: () => log('info', 'inner') ?? 'logged' },
    'huge-text-of': { toJSON: () => x.repeat(10) },
    'answers-everything': new Proxy(() => {}, { get: (_, name, self) => self, apply: () => new Proxy({}, {}) }),
    'wide-graph': nest(12, inner => new Array(100).fill(inner)),
    'odd-length': new Proxy([1], { get: (list, name) => name === 'length' ? 1.5 : list[name] }),
    holes: new Array(2 ** 32 - 1),
    'revoked-proxy': revoked.proxy,
    'no-prototype': Object.assign(Object.create(null), { a: 1 }),
    'bad-date': new Date(NaN),
    'getter-raises': { get field() { return raise() } }
  }
  for (const [name, value] of Object.entries(values)) log('info', name, { value })

  log('info', `huge-message ${x}`)
  log('info', 'surrogate-message a\ud800b')
  log('info', 'bad-format %d %s', { value: 'x' })
  log('info', 'empty-key', { '': 1 })
  log('info', 'nul-key', { 'a\0b': 1 })
  log('info', 'surrogate-key', { 'a\ud800b': 1 })
  log('info', 'long-key', { [x.slice(0, 100 * 1024)]: 1 })
  log('info', 'huge-key', { [x]: 1 })
  log('info', 'many-keys', Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key ${i}`, i])))
  const error = new Error('raises')
  Object.defineProperty(error, 'message', { get: raise })
  log('error', 'error-raises', { err: error })
  const cause = new Error('cause')
  cause.cause = cause
  log('error', 'cause-cycle', { err: cause })
  const many = new AggregateError([cause], 'many', { cause: 'text' })
  many.cause = { get cause() { return { __proto__: this } }, toString: () => 'one more' }
  log('error', 'causes-without-end', { err: many })
  const part = x.slice(0, 200 * 1024)
  log('info', 'huge-together', { value: part, b: part, c: part })
  log('info', 'end')
}
