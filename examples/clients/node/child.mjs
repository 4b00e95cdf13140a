// The test child: `node child.mjs SCENARIO [ARG..]`. tests/clients/main.rs says what each scenario does.

import { once } from 'node:events'
import fs from 'node:fs'
import { createInterface } from 'node:readline'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { log, patchConsole, pinoDestination, pinoLevel } from './pipe-handler.mjs'
import { nasty } from './nasty.mjs'

const target = 'clients.hello'
const say = text => fs.writeSync(1, `${text}\n`)
const UNICODE = 'grüße 漢字 🦀 \u0007 \u001b[31m \n \u2028'

const scenarios = {
  hello: () => log('info', 'hello from node', { user: 'ada', n: 7 }, target),
  types() {
    const values = {
      null: null, bool: true, int: -7, big: 9007199254740993n, unsigned: 18446744073709551615n, float: 1.5, whole: 1.0,
      text: 'x', list: [1, 'a', null], map: { a: 1, b: [true] }
    }
    for (const [name, value] of Object.entries(values)) log('info', name, { value })
    for (const level of ['error', 'warn', 'info', 'debug', 'trace']) log(level, 'level')
  },
  error: () => log('error', 'failed', { err: new Error('cannot open', { cause: new Error('no such file') }) }),
  nasty: () => nasty(log),
  flood(threads, n) {
    for (let t = 0; t < threads; t++) new Worker(new URL(import.meta.url), { workerData: { n: n / threads } })
  },
  json(threads, n) {
    for (let t = 0; t < threads; t++) new Worker(new URL(import.meta.url), { workerData: { n: n / threads, json: true } })
  },
  big(bytes) {
    log('info', 'x'.repeat(bytes))
    log('info', 'after')
  },
  unicode: () => log('info', UNICODE, { [UNICODE]: UNICODE }),
  ack() {
    for (let n = 0; ; n++) {
      log('info', 'ack', { n })
      say(n)
    }
  },
  async survive(n) {
    say('ready')
    await once(createInterface(process.stdin), 'line')
    process.stdin.destroy()
    for (let i = 0; i < n; i++) log('info', 'survive', { n: i })
    say('done')
  },
  uncaught() {
    throw new TypeError('nobody catches this')
  },
  async pino() {
    const { default: pino } = await import('pino')
    const options = { name: 'shop', level: pinoLevel(), redact: ['password'], customLevels: { notice: 35 } }
    const logger = pino(options, pinoDestination()).child({ request: 7 })
    const cause = new Error('no such file')
    logger.notice({ big: 2n ** 53n + 1n, password: 'secret', list: [1.5, 'a'] }, 'typed %d', 1)
    logger.error(Object.assign(new TypeError('cannot open', { cause }), { code: 'ENOENT' }))
    logger.error({ error: new Error('under another key') }, 'failed')
    logger.fatal({ message: 'own message', level: 'own level' })
  },
  async recipes() {
    const { default: pino } = await import('pino')
    pino(pinoDestination()).info('pino') // with nothing but the destination
    patchConsole()
    console.log('con%s', 'sole')
  }
}

if (isMainThread) {
  const [scenario, ...args] = process.argv.slice(2)
  await scenarios[scenario](...args.map(Number))
} else if (workerData.json) {
  const { default: pino } = await import('pino')
  const logger = pino(pino.destination({ fd: 2, sync: true }))
  for (let n = 0; n < workerData.n; n++) logger.info({ n }, 'flood')
} else {
  for (let n = 0; n < workerData.n; n++) log('info', 'flood', { n })
}
