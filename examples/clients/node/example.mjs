// SPDX-License-Identifier: MIT OR Apache-2.0
// A child in Node: run_child -- node example.mjs

import pino from 'pino' // or no library: see the last line
import { log, patchConsole, pinoDestination, pinoLevel } from './pipe-handler.mjs'

const logger = pino({ name: 'shop', level: pinoLevel('info') }, pinoDestination())
patchConsole('shop.console')

logger.info('hello from Node, 3 carts are open')
logger.warn({ ms: 12.5, tables: ['carts', 'items'] }, 'slow query')
const reset = new Error('connection reset by peer')
logger.error({ err: new Error('the database did not answer', { cause: reset }), cart: 4711 }, 'cannot save the cart')

console.log('%d carts are left', 2)
log('info', 'the shop closes', { till: 9007199254740993n }, 'shop')
